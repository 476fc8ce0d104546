# Its own /run and spool: cron runs @reboot jobs when it has not run before, and no others here.
mount -t tmpfs none /run
mount -t tmpfs none /var/spool/cron
mount -t tmpfs none /etc/cron.d
mkdir -p /var/spool/cron/crontabs
chmod 1730 /var/spool/cron/crontabs
: > crontab
mount --bind crontab /etc/crontab
echo '@reboot sleep 900 & echo started' > /var/spool/cron/crontabs/root
chmod 600 /var/spool/cron/crontabs/root
exec cron -f
