# The child has a terminal, and its output is stopped as by Ctrl-S.
import os
import pty
import signal
import time

pid, master = pty.fork()
if pid == 0:
    with open("/proc/self/comm", "w") as comm:
        comm.write("writer")
    if os.fork() == 0:
        os._exit(0)
    time.sleep(0.5)
    while True:
        os.write(1, b"x" * 100)
time.sleep(0.2)
os.write(master, b"\x13")
signal.pause()
