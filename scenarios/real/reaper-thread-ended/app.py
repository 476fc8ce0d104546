"""A worker starts jobs; the thread that reaps them dies of an exception."""

import os
import queue
import threading
import time

jobs = queue.Queue()


def reap():
    for _ in range(3):
        os.waitpid(jobs.get(), 0)
    raise SystemExit


threading.Thread(target=reap).start()
for _ in range(8):
    child = os.fork()
    if child == 0:
        os._exit(0)
    jobs.put(child)
    time.sleep(0.5)
while True:
    time.sleep(1)
