use POSIX ':sys_wait_h';
my $lives = 0;
while (1) {
    # Those of the first turn are dead at the poll, those of the others end after it.
    for (1 .. 3) { exec 'sleep', $lives if !fork }
    select undef, undef, undef, 0.5;
    while (waitpid(-1, WNOHANG) > 0) {}
    select undef, undef, undef, 60 if $lives;
    $lives = 1;
}
