import time

import pexpect

held = [pexpect.spawn("true") for _ in range(3)]
while True:
    time.sleep(1)
