unshare -pf --mount-proc --kill-child python3 -m http.server --bind 127.0.0.1 0 &
init=
while [ -z "$init" ]; do
    sleep 0.2
    for pid in $(cat "$CASE_CGROUP/cgroup.procs"); do
        if grep -q '^NSpid:.*	1$' "/proc/$pid/status" 2>/dev/null; then init=$pid; fi
    done
done
sleep 1
# As a container runtime runs a probe: the shell is in the namespace, its parent is not.
nsenter -t "$init" -p -m sh -c 'sleep 2 | sleep 2; true' &
probe=$!
sleep 1
for pid in $(cat "$CASE_CGROUP/cgroup.procs"); do
    read -r _ comm _ parent _ < "/proc/$pid/stat" || continue
    if [ "$parent" = "$probe" ] && [ "$comm" = "(sh)" ]; then kill -9 "$pid"; fi
done
wait
