import os
import select
import signal
import subprocess
import time

container = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "sleep", "900"])
time.sleep(1)
with open(f"/proc/{container.pid}/task/{container.pid}/children") as file:
    init = int(file.read())
waiter = os.pidfd_open(init)
os.kill(init, signal.SIGTERM)
with open("sent", "w") as file:
    file.write(f"{init}\n")
poll = select.poll()
poll.register(waiter, select.POLLIN)
poll.poll()
