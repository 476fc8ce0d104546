"$CASE_VENV/bin/gunicorn" -w 2 -b "unix:$PWD/sock" app:app &
master=$!
sleep 2
while :; do
    worker=$(cut -d' ' -f1 < /proc/$master/task/$master/children)
    [ -n "$1" ] && kill -STOP $master
    kill -9 "$worker"
    echo "$worker" > killed
    [ -n "$1" ] && wait
    sleep 1
done
