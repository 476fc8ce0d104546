import signal
import time


def finish(*_):
    with open("late", "w") as file:
        file.write("1\n")
    time.sleep(900)


signal.signal(signal.SIGTERM, finish)
time.sleep(900)
