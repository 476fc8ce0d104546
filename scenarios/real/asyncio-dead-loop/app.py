import asyncio
import subprocess
import sys
import threading
import time

held = []


def first():
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    if sys.version_info < (3, 12):
        # What is the default from 3.12 on.
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(loop)
        asyncio.set_child_watcher(watcher)

    async def go():
        for _ in range(3):
            held.append(await asyncio.create_subprocess_exec("sh", "-c", "sleep 1"))

    loop.run_until_complete(go())  # They live, and this loop never runs again.
    held.append(loop)


thread = threading.Thread(target=first)
thread.start()
thread.join()
while True:
    subprocess.run(["true"])
    time.sleep(0.5)
