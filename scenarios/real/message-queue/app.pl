# Waits for a message that nobody sends, and would reap after it.
use IPC::SysV qw(IPC_PRIVATE IPC_CREAT);
fork or exit;
my $queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
msgrcv($queue, my $message, 60, 0, 0);
wait;
