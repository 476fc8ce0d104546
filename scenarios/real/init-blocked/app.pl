use POSIX ':sys_wait_h';
use Fcntl ':flock';
my $orphans = 'sleep 0.2 & sleep 0.3 & exit';
for my $turn (1 .. 4) {
    exec 'sh', '-c', $orphans if !fork;
    select undef, undef, undef, 0.6;
    if ($turn == 4) {
        open my $lock, '>', 'lock';
        flock $lock, LOCK_EX;
    }
    while (waitpid(-1, WNOHANG) > 0) {}
}
