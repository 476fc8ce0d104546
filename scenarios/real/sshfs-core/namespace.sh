. ./run.sh
unshare -pf --mount-proc sh -c 'sleep 900 2>mnt/out & exec sleep 800' &
sleep 1
init=$(cat "/proc/$!/task/$!/children")
for pid in $(cat "$CASE_CGROUP/cgroup.procs"); do
    [ "$(cat /proc/"$pid"/comm 2>/dev/null)" = sshfs ] && kill -STOP "$pid"
done
kill -9 $init
echo $init > init
wait
