"""Reach shared memory, semaphores and queues of System V and POSIX."""

import ctypes

from attack import OUTSIDE, syscall, verdict

READ_WRITE = 2
verdict(
    syscall("shmget", OUTSIDE["shm"], 0, 0) >= 0
    or syscall("semget", 0, 1, 0o1666) >= 0
    or syscall("msgget", 0, 0o1666) >= 0
    or syscall("shmat", 0, None, 0) >= 0
    or syscall("mq_open", b"attack", READ_WRITE | 0o100, 0o666, None) >= 0
    or syscall("mq_unlink", ctypes.c_char_p(b"attack-victim")) >= 0
)
