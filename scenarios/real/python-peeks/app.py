import os
import time

for _ in range(3):
    if os.fork() == 0:
        os._exit(0)
while True:
    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    time.sleep(0.5)
