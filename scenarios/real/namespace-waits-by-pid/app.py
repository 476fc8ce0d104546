# Two children; it waits for the one that does not end.
import os
import signal

if os.fork() == 0:
    os._exit(0)
pid = os.fork()
if pid == 0:
    with open("/proc/self/comm", "w") as comm:
        comm.write("awaited")
    signal.pause()
os.waitpid(pid, 0)
