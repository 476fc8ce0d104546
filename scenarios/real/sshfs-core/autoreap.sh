. ./run.sh
perl -e '$SIG{CHLD} = "IGNORE"; if (!fork) { open STDERR, ">", "mnt/out"; exec "sleep", "900" } sleep 1 while 1' &
sleep 1
child=$(cat "/proc/$!/task/$!/children")
for pid in $(cat "$CASE_CGROUP/cgroup.procs"); do
    [ "$(cat /proc/"$pid"/comm 2>/dev/null)" = sshfs ] && kill -STOP "$pid"
done
kill -9 $child
wait
