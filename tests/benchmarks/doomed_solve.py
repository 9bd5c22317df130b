"""``benchmarks.solve`` in a process that dies by SIGKILL.

    python -m tests.benchmarks.doomed_solve predictions|judging ARGUMENTS

It dies after it has written its first row and before the predictions, or after its first change is
judged and before the run's end is stored.
"""

import os
import signal
import sys
from typing import Any

from benchmarks import evaluation, solve, solver
from benchmarks.measurement import Measurement
from benchmarks.solve_rows import Row
from pipeline.worker import one_job


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    moment = sys.argv.pop(1)
    # The next process waits for the end of the lease.
    one_job.LEASE_SECONDS = 1.0
    if moment == "judging":
        evaluation.Judge.save = die  # type: ignore[method-assign]
    else:
        solver.Measurement.add = add_and_die  # type: ignore[method-assign]
    solve.main()


def add_and_die(self: Measurement, row: Row) -> None:
    self._write_predictions = die  # type: ignore[method-assign]
    add(self, row)


add = Measurement.add

if __name__ == "__main__":
    main()
