# Connects to a listener whose backlog is full, and would wait for its child after that.
import os
import signal
import socket

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(0)
address = listener.getsockname()
if os.fork() == 0:
    with open("/proc/self/comm", "w") as comm:
        comm.write("listener")
    signal.pause()
listener.close()
if os.fork() == 0:
    os._exit(0)
sockets = []
for _ in range(8):
    sockets.append(socket.socket())
    sockets[-1].connect(address)
os.wait()
