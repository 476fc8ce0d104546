# The children of a process, one per line.
children_of() {
    for pid in $(cat "$CASE_CGROUP/cgroup.procs"); do
        read -r _ comm _ parent _ < "/proc/$pid/stat" || continue
        if [ "$parent" = "$1" ]; then echo "$pid $comm"; fi
    done 2>/dev/null
}

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
nsenter -t "$init" -p -m sh -c 'sleep 3 | sleep 3; true' &
probe=$!
# The timeout, once both commands run.
shell=
while [ -z "$shell" ]; do
    sleep 0.1
    shell=$(children_of "$probe" | sed -n 's/ (sh)$//p')
    if [ "$(children_of "${shell:-none}" | grep -c '(sleep)')" != 2 ]; then shell=; fi
done
kill -9 "$shell"
wait
