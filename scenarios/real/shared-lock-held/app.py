import multiprocessing
import subprocess
import time

multiprocessing.set_start_method("fork")
lock = multiprocessing.Lock()


def worker():
    with open("/proc/self/comm", "w") as comm:
        comm.write("lock-worker")
    with lock:
        time.sleep(900)


subprocess.run(["true"])
multiprocessing.Process(target=worker).start()
time.sleep(0.5)
child = subprocess.Popen(["true"])
with lock:
    child.wait()
