import os
import socket
import subprocess
import time

asks, answers = socket.socketpair()
if os.fork() == 0:
    asks.close()
    time.sleep(900)
answers.close()
subprocess.run(["true"])
child = subprocess.Popen(["true"])
time.sleep(0.3)
asks.recv(1)
child.wait()
