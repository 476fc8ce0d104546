mkdir "$CASE_CGROUP/frozen"
sh -c 'echo $$ > "$CASE_CGROUP/frozen/cgroup.procs"; exec sleep 900' &
sh -c 'echo $$ > "$CASE_CGROUP/frozen/cgroup.procs"; exec perl app.pl' &
sleep 1
# The children are outside, and end while their parent is frozen.
for pid in $(cat "/proc/$!/task/$!/children"); do echo "$pid" > "$CASE_CGROUP/cgroup.procs"; done
echo 1 > "$CASE_CGROUP/frozen/cgroup.freeze"
wait
