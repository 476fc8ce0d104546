import ctypes
import os
import subprocess
import time

ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
for turn in range(100):
    subprocess.Popen(["sh", "-c", "sleep 0.1 & sleep 0.2 & exit"])
    time.sleep(0.5)
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == 0:
            break
        if turn > 2:
            os.write(1, b"." * 100_000)
