# Installs the package $1 into a copy of this machine that ends with this script, starts its unit
# by a systemd of that copy, and removes it again. Runs as the first process of namespaces of
# mounts, PIDs, host names and System V IPC.
set -eu
package=$(realpath "$1")
cd /
mount --make-rprivate /
space=$(mktemp -d)
mount -t tmpfs tmpfs "$space"
# The groups that a systemd makes at the root of a hierarchy.
groups() {
    find /sys/fs/cgroup -type d | grep -E '/(init\.scope|system\.slice|[^/]+\.mount)(/|$)' | sort
}
groups > "$space/groups" || true
mkdir "$space/upper" "$space/work" "$space/root"
root=$space/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$space/upper,workdir=$space/work" "$root"
cp "$package" "$root/package.deb"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root/run/lock"

in_root() { chroot "$root" "$@"; }

in_root dpkg --install /package.deb
in_root reapwatch --version
test -f "$root/usr/share/man/man1/reapwatch.1.gz"
test -L "$root/etc/systemd/system/multi-user.target.wants/reapwatch.service"
# The systemd below is in a PID namespace of its own, where an agent refuses to run otherwise.
echo 'REAPWATCH_OPTIONS="--listen none --any-pid-namespace"' >> "$root/etc/default/reapwatch"

mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
mkdir "$root/sys/fs/cgroup/systemd"
mount -t cgroup -o none,name=systemd,xattr systemd "$root/sys/fs/cgroup/systemd" ||
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
unshare --fork --pid --kill-child chroot "$root" sh -c '
    mount -t proc proc /proc
    exec /lib/systemd/systemd --unit=reapwatch.service --log-target=null' &
outside=$!

tries=0
while ! systemd=$(pgrep --parent "$outside") ||
    ! nsenter --target "$systemd" --pid --mount --root systemctl is-active --quiet reapwatch; do
    tries=$((tries + 1))
    test "$tries" -lt 120 || { echo "the unit did not come up"; exit 1; }
    sleep 0.5
done
in_systemd() { nsenter --target "$systemd" --pid --mount --root "$@"; }
in_systemd systemctl show reapwatch --property=ActiveState,StatusText,NRestarts
in_systemd reapwatch zombies > /dev/null
# A zombie goes by the name of its unit. Its living parent cannot: by the numbers that the kernel
# has, it is not in the /proc of this PID namespace.
in_systemd systemd-run --quiet --unit=rw-leaks sh -c 'sleep 0.1 & exec sleep 1000'
tries=0
while ! in_systemd reapwatch zombies --json 2> /dev/null | grep -q '"unit":"rw-leaks.service"'; do
    tries=$((tries + 1))
    test "$tries" -lt 60 || { in_systemd reapwatch zombies --json; exit 1; }
    sleep 0.5
done
in_systemd systemctl stop rw-leaks
in_systemd sh -c 'grep -E "^(Uid|CapEff|NoNewPrivs|Seccomp):" \
    "/proc/$(systemctl show reapwatch --property=MainPID --value)/status"'
in_systemd systemctl stop reapwatch
in_systemd systemctl show reapwatch --property=Result | grep -x Result=success
in_systemd sh -c 'test ! -e /run/reapwatch'
kill -KILL "$systemd"
wait "$outside" || true

in_root dpkg --purge reapwatch
for left in usr/bin/reapwatch lib/systemd/system/reapwatch.service \
    usr/lib/systemd/system/reapwatch.service usr/share/doc/reapwatch \
    etc/systemd/system/multi-user.target.wants/reapwatch.service; do
    test ! -e "$root/$left" || { echo "$left is left"; exit 1; }
done
# A hierarchy goes with its last mount where no group is left in it.
find "$root/sys/fs/cgroup/systemd" -mindepth 1 -depth -type d -exec rmdir {} + 2>&1 || true
# What it made in those of this machine.
groups | comm -13 "$space/groups" - | sort --reverse | xargs --no-run-if-empty rmdir 2>&1 || true
echo "installed, started, stopped, purged"
