sleep 900 &
app=$!
strace -f -o /dev/null -p $app &
tracer=$!
until grep -q "^TracerPid:.$tracer" "/proc/$app/status"; do sleep 0.1; done
sleep 0.5
kill -STOP $tracer
kill -9 $app
echo $app > app.pid
wait
