cat > nginx.conf <<END
daemon off;
pid $PWD/pid;
error_log $PWD/error.log;
worker_processes 1;
events { }
http { access_log off; server { listen unix:$PWD/sock; } }
END
unshare -pf --mount-proc --kill-child nginx -c "$PWD/nginx.conf" -e "$PWD/error.log" &
init=
while [ -z "$init" ]; do
    sleep 0.2
    for pid in $(cat "$CASE_CGROUP/cgroup.procs"); do
        if grep -q '^NSpid:.*	1$' "/proc/$pid/status" 2>/dev/null; then init=$pid; fi
    done
done
sleep 1
nsenter -t "$init" -p -m sh -c 'sleep 1 & exit'
echo "$init" > orphan
while :; do
    sleep 1
    nsenter -t "$init" -p -m sh -c 'sleep 0.5 & exit'
done
