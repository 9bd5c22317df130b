"""SQLite with locks, unix sockets by path and by abstract name, descriptors passed, temporary files, names of users."""

import array
import getpass
import os
import pwd
import socket
import sqlite3
import subprocess
import tempfile

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "base.sqlite")
    one = sqlite3.connect(path)
    two = sqlite3.connect(path, timeout=0)
    one.execute("pragma journal_mode=wal")
    one.execute("create table t (x)")
    one.execute("insert into t values (1)")
    try:
        two.execute("begin immediate")
        raise SystemExit("a lock was not held")
    except sqlite3.OperationalError:
        one.commit()
    assert two.execute("select x from t").fetchall() == [(1,)]
    os.chdir(folder)
    for name in (os.path.join(folder, "socket"), "relative", "\0abstract-of-mine"):
        server = socket.socket(socket.AF_UNIX)
        server.bind(name)
        server.listen()
        client = socket.socket(socket.AF_UNIX)
        client.connect(name)
        peer, _ = server.accept()
        with open("passed", "w+") as file:
            file.write("by descriptor")
            file.flush()
            socket.send_fds(client, [b"x"], [file.fileno()])
        _, (number,), _, _ = socket.recv_fds(peer, 1, 1)
        assert os.pread(number, 99, 0) == b"by descriptor"
    datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    datagrams.bind("datagrams")
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", "datagrams")
    assert datagrams.recv(9) == b"x" and array.array("i", [1])
    subprocess.run(["git", "init", "-q", "inner"], check=True)
    subprocess.run(
        [
            "git",
            "-C",
            "inner",
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b.c",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "x",
        ],
        check=True,
    )
assert getpass.getuser() == pwd.getpwuid(os.getuid()).pw_name and os.path.isdir(
    os.path.expanduser("~")
)
for folder in ("/tmp", "/var/tmp", "/dev/shm", tempfile.gettempdir()):
    tempfile.NamedTemporaryFile(dir=folder).write(b"x")
print("works")
