import os
import subprocess
import threading
import time


def write(name, number):
    with open(name, "w") as file:
        file.write(f"{number}\n")


def cleaner():
    number = threading.get_native_id()
    with open(f"/proc/self/task/{number}/comm", "w") as name:
        name.write("cleaner")
    write("thread", number)
    while True:
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            pass
        time.sleep(0.01)


threading.Thread(target=cleaner, daemon=True).start()
while True:
    child = subprocess.Popen(["sh", "-c", "exit 3"])
    time.sleep(0.5)
    child.wait()  # Finds none: its status is lost.
    write("child", child.pid)
    time.sleep(0.5)
