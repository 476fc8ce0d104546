printf '[global]\nerror_log=%s/fpm.log\n[www]\nlisten=%s/sock\nuser=nobody\ngroup=nogroup\npm=static\npm.max_children=2\n' \
    "$PWD" "$PWD" > fpm.conf
php-fpm8.2 -F -y fpm.conf &
master=$!
sleep 2
worker=$(cat /proc/$master/task/$master/children | cut -d' ' -f1)
kill -9 "$worker"
echo "$worker" > killed
wait
