redis-server --port 0 --unixsocket "$PWD/sock" --save '' --dir "$PWD" --daemonize no > redis.log &
sleep 1
exec python3 ask.py "$1"
