mkfifo fifo
./sup fifo &
sup=$!
child=
while [ -z "$child" ]; do
    sleep 0.2
    for pid in $(cat "$CASE_CGROUP/cgroup.procs"); do
        read -r _ _ state parent _ < "/proc/$pid/stat" || continue
        [ "$parent" = "$sup" ] && [ "$state" != Z ] && child=$pid
    done
done
strace -o /dev/null -p "$child" &
tracer=$!
until grep -q "^TracerPid:.$tracer" "/proc/$child/status"; do sleep 0.1; done
sleep 0.5
kill -STOP $tracer
cat fifo > /dev/null &
wait
