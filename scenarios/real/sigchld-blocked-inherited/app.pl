use POSIX ':sys_wait_h';
$SIG{CHLD} = sub { while (waitpid(-1, WNOHANG) > 0) {} };
for (1 .. 3) { fork or exit }
sleep 1 while 1;
