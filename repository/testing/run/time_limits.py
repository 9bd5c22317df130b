"""Time limits of tests: a part of the program in ``python_runner.py``."""

import contextlib
import signal
import time
from typing import Any

#: Exit code of a run that the total time limit ended; it is pytest's, too.
INTERRUPTED = 2


class Limits:
    """The time limit of each test, by an alarm in the main thread, and the total time limit."""

    def __init__(self, seconds: float, seconds_per_test: float):
        self.end = time.time() + seconds
        self.seconds_per_test = seconds_per_test
        self.interrupted = False

    def begin_test(self) -> bool:
        """Start a test's timer; return whether the test may start."""
        self.interrupted = self.interrupted or time.time() > self.end
        with contextlib.suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGALRM, self.on_alarm)
            signal.setitimer(signal.ITIMER_REAL, self.seconds_per_test)
        return not self.interrupted

    def end_test(self) -> None:
        with contextlib.suppress(ValueError):
            signal.setitimer(signal.ITIMER_REAL, 0)

    def on_alarm(self, *_: Any) -> None:
        raise TimeoutError(f"the test took longer than {self.seconds_per_test:g} s")
