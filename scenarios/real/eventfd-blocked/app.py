import ctypes
import os
import subprocess
import time

eventfd = ctypes.CDLL(None).eventfd(0, 0)
subprocess.run(["true"])
child = subprocess.Popen(["sh", "-c", "sleep 900 & exit"], close_fds=False)
time.sleep(0.3)
os.read(eventfd, 8)
child.wait()
