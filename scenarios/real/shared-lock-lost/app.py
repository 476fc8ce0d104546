import multiprocessing
import os
import signal
import subprocess
import time

multiprocessing.set_start_method("fork")
lock = multiprocessing.Lock()


def worker():
    lock.acquire()
    os.kill(os.getpid(), signal.SIGKILL)


subprocess.run(["true"])
process = multiprocessing.Process(target=worker)
process.start()
time.sleep(0.5)
with lock:
    process.join()
