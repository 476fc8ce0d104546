cat > nginx.conf <<END
daemon off;
pid $PWD/pid;
error_log $PWD/error.log;
worker_processes 1;
events { }
END
nginx -c "$PWD/nginx.conf" -e "$PWD/error.log" &
master=$!
sleep 1
worker=$(cat /proc/$master/task/$master/children | cut -d' ' -f1)
kill -STOP $master
kill -9 "$worker"
wait
