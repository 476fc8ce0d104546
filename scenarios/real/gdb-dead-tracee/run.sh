mkfifo commands
perl -e 'my $pid = fork; exec "sleep", "900" if !$pid; open F, ">child"; print F $pid; close F; waitpid $pid, 0; sleep 1 while 1' &
sleep 1
child=$(cat child)
gdb -q -nx -p "$child" < commands > gdb.log 2>&1 &
exec 3> commands
until grep -q '^TracerPid:.[1-9]' "/proc/$child/status" && grep -q '^State:.t' "/proc/$child/status"; do
    sleep 0.1
done
sleep 2
kill -9 "$child"
sleep 0.5
echo "$child" > tracee
wait
