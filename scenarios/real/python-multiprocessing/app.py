import multiprocessing
import time

if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    child = multiprocessing.Process(target=print, args=("done",))
    child.start()
    while True:
        time.sleep(1)
