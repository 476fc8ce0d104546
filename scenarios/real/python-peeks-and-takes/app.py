import os
import time

while True:
    if os.fork() == 0:
        os._exit(0)
    found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    time.sleep(0.2)
    os.waitpid(found.si_pid, 0)
