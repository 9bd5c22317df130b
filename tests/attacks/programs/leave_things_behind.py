"""Leave files, links and a process behind, in the folders that all share and in a tree too deep to walk."""

import os
import time

for folder in ("/tmp", "/var/tmp", "/dev/shm", "/run/lock"):
    try:
        os.makedirs(f"{folder}/left-behind/inner")
        os.chmod(f"{folder}/left-behind", 0)
        os.link("/etc/passwd", f"{folder}/left-behind-link")
    except OSError:
        continue
for name, target in (("junit.xml", "/etc/shadow"), ("report", "/root")):
    os.symlink(target, name)
top = os.getcwd()
for _ in range(400):
    os.mkdir("deep")
    os.chdir("deep")
os.chdir(top)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 1000)
        time.sleep(4714)
    os._exit(0)
print("held")  # what is left is looked at outside
