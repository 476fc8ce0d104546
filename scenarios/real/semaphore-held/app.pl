# Wants a semaphore that its child holds, and would reap another child after that.
use IPC::SysV qw(IPC_PRIVATE IPC_CREAT IPC_RMID);
my $set = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
semop($set, pack("s3", 0, 1, 0));
my $lower = sub { semop($set, pack("s3", 0, -1, 0)) };
pipe(my $ready, my $tell);
unless (my $pid = fork) {
    $0 = "holder";
    $lower->();
    syswrite($tell, "x");
    # The test ends it and the one that waits; the semaphore goes with the last.
    sleep;
}
sysread($ready, my $byte, 1);
fork or exit;
$lower->();
wait;
