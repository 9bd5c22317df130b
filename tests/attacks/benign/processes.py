"""multiprocessing in each way of starting, managers, pools, semaphores, shared memory; a hundred
threads; pipelines of a shell.
"""

import multiprocessing
import subprocess
import threading
from multiprocessing import shared_memory

THREADS = 100


def square(number):
    return number * number


def check_multiprocessing(method):
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        assert pool.map(square, range(5)) == [0, 1, 4, 9, 16]
    with context.Manager() as manager:
        assert dict(manager.dict(a=1)) == {"a": 1}


def check_shared_memory():
    memory = shared_memory.SharedMemory(create=True, size=1000)
    memory.buf[0] = 1
    memory.close()
    memory.unlink()


def check_threads():
    all_started = threading.Barrier(THREADS)
    threads = [threading.Thread(target=all_started.wait) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def check_shell():
    result = subprocess.run(
        "(echo a; (echo b | cat)) | sort", shell=True, capture_output=True, text=True
    )
    assert result.stdout == "a\nb\n"


if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        check_multiprocessing(method)
    check_shared_memory()
    multiprocessing.Semaphore(3).acquire()
    check_threads()
    check_shell()
    print("works")
