use POSIX;
my $batch = 0;
$SIG{CHLD} = sub { wait; };
# They end together, while the signal is held back: one signal for all.
my $chld = POSIX::SigSet->new(SIGCHLD);
for (1 .. 2) {
    sigprocmask(SIG_BLOCK, $chld);
    pipe my $alive, my $held;
    for (1 .. 3) { fork or exit }
    close $held;
    # Ends when the last of them has closed its files, which is just before it is a zombie.
    readline $alive;
    select undef, undef, undef, 0.3;
    sigprocmask(SIG_UNBLOCK, $chld);
    select undef, undef, undef, 0.3;
}
sleep 1 while 1;
