import subprocess
import sys
import time

worker = subprocess.Popen(sys.argv[1:])
time.sleep(2)
worker.terminate()
with open("late", "w") as file:
    file.write("1")
worker.wait()
