. ./run.sh
cat mnt/data > /dev/null &
reader=$!
wait $reader
for pid in $(cat "$CASE_CGROUP/cgroup.procs"); do
    [ "$(cat /proc/"$pid"/comm 2>/dev/null)" = sftp-server ] && kill -STOP "$pid"
done
cat mnt/data > /dev/null &
reader=$!
sleep 1
kill -9 $reader
wait
