import subprocess
import time

child = subprocess.Popen(["true"])
time.sleep(0.3)
input("name? ")  # In the background this stops it: SIGTTIN.
child.wait()
