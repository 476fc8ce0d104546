use POSIX;
my $batch = 0;
$SIG{CHLD} = sub { wait; };
# They end together, while the signal is held back: one signal for all.
my $chld = POSIX::SigSet->new(SIGCHLD);
for (1 .. 2) {
    sigprocmask(SIG_BLOCK, $chld);
    for (1 .. 3) { fork or exit }
    select undef, undef, undef, 0.3;
    sigprocmask(SIG_UNBLOCK, $chld);
    select undef, undef, undef, 0.3;
}
sleep 1 while 1;
