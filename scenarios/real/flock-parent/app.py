import fcntl
import subprocess
import time

subprocess.run(["true"])
child = subprocess.Popen(["sh", "-c", "exit 3"])
time.sleep(0.3)
with open("lock", "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    child.wait()
