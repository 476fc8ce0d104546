import signal
import time

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
time.sleep(1000)
