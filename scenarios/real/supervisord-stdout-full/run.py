import fcntl
import os
import subprocess

reading, writing = os.pipe()
fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
subprocess.Popen(["sleep", "900"], stdin=reading, stdout=subprocess.DEVNULL)
os.close(reading)
os.dup2(writing, 1)
os.close(writing)
supervisord = os.environ["CASE_VENV"] + "/bin/supervisord"
os.execv(supervisord, [supervisord, "-n", "-c", "supervisord.conf"])
