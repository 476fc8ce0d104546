# Runs the commands $3 in a copy of the system $1 that ends with this script, in a folder with the
# files of the release $2, and expects them to install the file $4. Runs in a mount namespace. The
# systemd of the copy is not running: systemctl then only enables units.
set -eu
mount --make-rprivate /
space=$(mktemp -d)
mount -t tmpfs tmpfs "$space"
mkdir "$space/upper" "$space/work" "$space/root"
root=$space/root
mount -t overlay overlay -o "lowerdir=$1,upperdir=$space/upper,workdir=$space/work" "$root"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mount --bind -o ro "$2" "$root/mnt"
chroot "$root" env -i HOME=/root TERM=dumb SYSTEMD_OFFLINE=1 DEBIAN_FRONTEND=noninteractive \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -euc "cd /mnt
$3"
for file in "$4" /etc/systemd/system/multi-user.target.wants/reapwatch.service; do
    test -e "$root$file" || test -L "$root$file" || { echo "$file is not there"; exit 1; }
done
