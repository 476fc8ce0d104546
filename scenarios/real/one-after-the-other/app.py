import subprocess

first = subprocess.Popen(["sleep", "900"])
others = [subprocess.Popen(["true"]) for _ in range(2)]
for child in [first, *others]:
    child.wait()
