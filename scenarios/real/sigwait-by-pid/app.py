import os, signal, time

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})


def reap_one():
    info = signal.sigwaitinfo({signal.SIGCHLD})
    os.waitpid(info.si_pid, 0)


for _ in range(4):
    alive, held = os.pipe()
    for _ in range(3):
        if os.fork() == 0:
            time.sleep(0.3)
            os._exit(0)
    os.close(held)
    # Ends when the last of them has closed its files, which is just before it is a zombie.
    os.read(alive, 1)
    os.close(alive)
    time.sleep(0.3)
    reap_one()
while True:
    reap_one()
