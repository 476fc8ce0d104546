unshare -pf --mount-proc sleep 900 &
init=
while [ -z "$init" ]; do
    sleep 0.2
    init=$(cat "/proc/$!/task/$!/children")
done
init=${init% }
nsenter -t "$init" -p sleep 800 &
until [ -n "$(cat "/proc/$!/task/$!/children")" ]; do
    sleep 0.2
done
kill -STOP $!
kill -9 "$init"
echo "$init" > init
wait
