import os
import signal

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
os.execvp("perl", ["perl", "app.pl"])
