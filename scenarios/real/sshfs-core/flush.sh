. ./run.sh
dd if=/dev/zero of=mnt/out bs=4k count=1 conv=notrunc 2>/dev/null
sh -c 'exec 3>mnt/out; echo x >&3; exec sleep 900' &
writer=$!
sleep 1
for pid in $(cat "$CASE_CGROUP/cgroup.procs"); do
    [ "$(cat /proc/"$pid"/comm 2>/dev/null)" = sshfs ] && kill -STOP "$pid"
done
kill -9 $writer
wait
