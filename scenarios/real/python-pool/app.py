import multiprocessing
import os
import time


def work(_):
    with open("work", "w") as file:
        file.write(f"{os.getpid()}\n")


if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=1) as pool:
        while True:
            pool.map(work, range(4))
            time.sleep(0.3)
