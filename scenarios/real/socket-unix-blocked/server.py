import os
import socket
import sys
import time

if sys.argv[1] == "unix":
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("sock")
else:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
listener.listen()
with open("port.new", "w") as file:
    file.write(str(listener.getsockname()[1]) if sys.argv[1] == "tcp" else "none")
os.rename("port.new", "port")
held, _ = listener.accept()
time.sleep(900)
