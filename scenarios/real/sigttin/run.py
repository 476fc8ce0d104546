import os
import pty
import time

pid, terminal = pty.fork()
if pid == 0:
    os.execvp("bash", ["bash", "--norc", "-i"])
time.sleep(0.5)
os.write(terminal, b"python3 ./ask.py &\n")
while True:
    os.read(terminal, 4096)
