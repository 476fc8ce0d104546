import os
import time

with open("app.pid", "w") as file:
    file.write(str(os.getpid()))
while True:
    os.stat("/tmp")
    os.getppid()
    time.sleep(0.0005)
