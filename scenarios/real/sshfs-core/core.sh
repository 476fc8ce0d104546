. ./run.sh
ulimit -c unlimited
./crash mnt > ready &
while ! grep -q ready ready; do sleep 0.1; done
for pid in $(cat "$CASE_CGROUP/cgroup.procs"); do
    [ "$(cat /proc/"$pid"/comm 2>/dev/null)" = sftp-server ] && kill -STOP "$pid"
done
wait
