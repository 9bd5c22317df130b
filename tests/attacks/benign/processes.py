"""multiprocessing in each way of starting, managers, pools, semaphores, shared memory; a hundred threads; trees."""

import multiprocessing
import subprocess
import threading
from multiprocessing import shared_memory


def square(number):
    return number * number


if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            assert pool.map(square, range(5)) == [0, 1, 4, 9, 16]
        with context.Manager() as manager:
            shared = manager.dict(a=1)
            assert dict(shared) == {"a": 1}
    memory = shared_memory.SharedMemory(create=True, size=1000)
    memory.buf[0] = 1
    memory.close()
    memory.unlink()
    multiprocessing.Semaphore(3).acquire()
    threads = [threading.Thread(target=threading.Event().wait, args=(0.2,)) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (
        subprocess.run(
            "(echo a; (echo b | cat)) | sort", shell=True, capture_output=True, text=True
        ).stdout
        == "a\nb\n"
    )
    print("works")
