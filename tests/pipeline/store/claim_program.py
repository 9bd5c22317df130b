"""Claim a job on a SQLite store and write the kind of the answer: ``claim_program PATH``.

It writes "ready" and waits for a line on its input first, so that several can start at once.
"""

import sys
from pathlib import Path

from pipeline.store.contract import Submission
from pipeline.store.sqlite import SqliteStore
from tests.stand_ins.runs import LEASE, job


def main() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    store = SqliteStore(Path(sys.argv[1]))
    claim = store.claim(Submission.of(job()), lease_seconds=LEASE)
    sys.stdout.write(f"{type(claim).__name__}\n")
    store.close()


if __name__ == "__main__":
    main()
