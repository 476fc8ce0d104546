use POSIX ':sys_wait_h';
$SIG{CHLD} = sub { while (waitpid(-1, WNOHANG) > 0) {} };
for (1 .. 3) { exec "sleep", "2" if !fork }
sleep 1 while 1;
