import os
import threading
import time

lock = threading.Lock()


def spawn():
    os.posix_spawn("/bin/true", ["true"], {})


def reap():
    for _ in range(3):
        spawn()
        os.waitpid(-1, 0)
    time.sleep(1)
    with lock:
        os.waitpid(-1, 0)


threading.Thread(target=reap).start()
time.sleep(0.5)
lock.acquire()
time.sleep(1)
spawn()
spawn()
while True:
    time.sleep(1)
