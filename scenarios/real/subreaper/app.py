import ctypes
import subprocess
import time

ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
for _ in range(3):
    subprocess.run(["sh", "-c", "sleep 1 & exit"])
while True:
    subprocess.run(["true"])
    time.sleep(0.5)
