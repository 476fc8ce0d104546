# In a mount namespace: the mount is gone with the last process in it.
mkdir far mnt
cat > link <<'END'
#!/bin/sh
exec /usr/lib/openssh/sftp-server
END
chmod +x link
dd if=/dev/zero of=far/data bs=64k count=64 2>/dev/null
mkfifo wait
sshfs -f -o cache=no -o ssh_command="$PWD/link" -o dir_cache=no host:"$PWD/far" mnt &
i=0
while ! mountpoint -q mnt && [ $i -lt 100 ]; do sleep 0.1; i=$((i + 1)); done
