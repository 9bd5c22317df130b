"""Leave files, links and a process behind, in the folders that all share and in a tree too deep to
walk.
"""

import os
import time

DEPTH = 400

for folder in ("/tmp", "/var/tmp", "/dev/shm", "/run/lock"):
    try:
        os.makedirs(f"{folder}/left-behind/inner")
        os.chmod(f"{folder}/left-behind", 0)
        os.link("/etc/passwd", f"{folder}/left-behind-link")
    except OSError:
        continue
os.symlink("/etc/shadow", "junit.xml")
os.symlink("/root", "report")
top = os.getcwd()
for _ in range(DEPTH):
    os.mkdir("deep")
    os.chdir("deep")
os.chdir(top)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 1000)
        time.sleep(4714)
    os._exit(0)
print("held")  # what is left is checked outside
