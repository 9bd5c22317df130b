"""Run the tests on each candidate, and choose."""

from stages.run_tests.stage import RunTests, Verdict

__all__ = ["RunTests", "Verdict"]
