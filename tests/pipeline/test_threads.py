"""Blocking calls run in pools that don't wait for each other."""

import ast
import asyncio
import contextvars
import multiprocessing
import threading
from pathlib import Path

from pipeline.threads import STORE, WORK_THREADS_OF_WORKER, ThreadPool, reserve_work_threads

ROOT = Path(__file__).parents[2]
PATIENCE = 10.0

request = contextvars.ContextVar("request", default="none")


async def test_a_call_of_the_store_does_not_wait_for_long_work():
    reserve_work_threads(1)
    clone_may_end = threading.Event()
    clones = [asyncio.create_task(asyncio.to_thread(clone_may_end.wait)) for _ in range(50)]
    try:
        assert await STORE.run(int, "7", base=8) == 7
    finally:
        clone_may_end.set()
        await asyncio.gather(*clones)


async def test_as_many_runs_as_the_worker_takes_can_wait_at_once():
    concurrency = 64
    reserve_work_threads(concurrency)
    all_wait = threading.Barrier(concurrency + WORK_THREADS_OF_WORKER)
    waits = [asyncio.to_thread(all_wait.wait, 10) for _ in range(all_wait.parties)]
    await asyncio.gather(*waits)


async def test_a_call_sees_the_context_of_its_caller():
    request.set("abc")
    pool = ThreadPool("test", 1)
    assert await pool.run(request.get) == "abc"


def test_the_worker_uses_no_thread_that_a_run_may_keep_busy():
    modules = [*ROOT.glob("pipeline/worker/*.py"), ROOT / "pipeline/leased_run.py"]
    shared = []
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in ("to_thread", "run_in_executor"):
                shared.append(f"{module.relative_to(ROOT)}:{node.lineno}")
    assert len(modules) > 5
    assert shared == []


def test_a_forked_process_has_threads_of_its_own():
    pool = ThreadPool("test", 1)
    assert asyncio.run(pool.run(int, "7")) == 7
    process = multiprocessing.get_context("fork").Process(target=call_in, args=(pool,))
    process.start()
    process.join(PATIENCE)
    process.kill()
    assert process.exitcode == 0


def call_in(pool: ThreadPool) -> None:
    asyncio.run(pool.run(int, "7"))
