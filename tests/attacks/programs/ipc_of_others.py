"""Reach shared memory, semaphores and queues of System V and POSIX."""

import os

from attack import OUTSIDE, syscall, verdict

IPC_CREAT = 0o1000
FLAGS = IPC_CREAT | 0o666

verdict(
    syscall("shmget", OUTSIDE["shm"], 0, 0) >= 0
    or syscall("semget", 0, 1, FLAGS) >= 0
    or syscall("msgget", 0, FLAGS) >= 0
    or syscall("shmat", 0, None, 0) >= 0
    or syscall("mq_open", b"attack", os.O_RDWR | os.O_CREAT, 0o666, None) >= 0
    or syscall("mq_unlink", b"attack-victim") >= 0
)
