$| = 1;
for my $round (1 .. 1000) {
    my $pid = fork // die;
    exit if !$pid;
    select undef, undef, undef, 0.05;
    print "worker $pid of round $round has ended " . "." x 8000 . "\n";
    waitpid $pid, 0;
}
