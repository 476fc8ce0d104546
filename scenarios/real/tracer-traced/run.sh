mkfifo commands
sleep 900 &
app=$!
strace -f -o /dev/null -p $app &
tracer=$!
until grep -q "^TracerPid:.$tracer" "/proc/$app/status"; do sleep 0.1; done
sleep 0.5
gdb -q -nx -p "$tracer" < commands > gdb.log 2>&1 &
exec 3> commands
until grep -q '^TracerPid:.[1-9]' "/proc/$tracer/status" && grep -q '^State:.t' "/proc/$tracer/status"; do
    sleep 0.1
done
sleep 2
kill -9 $app
echo $app > app.pid
wait
