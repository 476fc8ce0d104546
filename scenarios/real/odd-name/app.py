import ctypes
import os
import time

ctypes.CDLL(None).prctl(15, b"\xff\xfe)\n\" \x1b[2J")
for _ in range(3):
    if os.fork() == 0:
        os._exit(0)
while True:
    time.sleep(1)
