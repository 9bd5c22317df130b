"""SQLite with locks, unix sockets by path and by abstract name, passed descriptors, git, temporary
files, names of users.
"""

import getpass
import os
import pwd
import socket
import sqlite3
import subprocess
import tempfile

TEMPORARY_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm", tempfile.gettempdir())


def check_sqlite_locks(path):
    writer = sqlite3.connect(path)
    other = sqlite3.connect(path, timeout=0)
    writer.execute("pragma journal_mode=wal")
    writer.execute("create table t (x)")
    writer.execute("insert into t values (1)")
    try:
        other.execute("begin immediate")
    except sqlite3.OperationalError:
        writer.commit()
    else:
        raise SystemExit("a lock was not held")
    assert other.execute("select x from t").fetchall() == [(1,)]


def check_unix_socket(address):
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen()
    client = socket.socket(socket.AF_UNIX)
    client.connect(address)
    peer, _ = server.accept()
    with open("passed", "w+") as file:
        file.write("by descriptor")
        file.flush()
        socket.send_fds(client, [b"x"], [file.fileno()])
    _, descriptors, _, _ = socket.recv_fds(peer, 1, 1)
    assert os.pread(descriptors[0], 99, 0) == b"by descriptor"


def check_unix_datagrams(path):
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(path)
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", path)
    assert receiver.recv(9) == b"x"


def check_git():
    subprocess.run(["git", "init", "-q", "inner"], check=True)
    author = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    commit = ["commit", "-q", "--allow-empty", "-m", "x"]
    subprocess.run(["git", "-C", "inner", *author, *commit], check=True)


def check_user():
    assert getpass.getuser() == pwd.getpwuid(os.getuid()).pw_name
    assert os.path.isdir(os.path.expanduser("~"))


def check_temporary_files():
    for folder in TEMPORARY_FOLDERS:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"x")


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    check_sqlite_locks(os.path.join(folder, "base.sqlite"))
    check_unix_socket(os.path.join(folder, "socket"))
    check_unix_socket("relative")
    check_unix_socket("\0abstract-of-mine")
    check_unix_datagrams("datagrams")
    check_git()
check_user()
check_temporary_files()
print("works")
