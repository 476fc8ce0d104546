import os
import threading
import time


def spawn():
    os.posix_spawn("/bin/true", ["true"], {})


def reap():
    fifo = os.open("fifo", os.O_RDONLY)
    with open("thread", "w") as file:
        file.write(f"{threading.get_native_id()}\n")
    for _ in range(3):
        spawn()
        os.waitpid(-1, 0)
    os.read(fifo, 1)


threading.Thread(target=reap).start()
time.sleep(1)
spawn()
spawn()
while True:
    time.sleep(1)
