"""Run the tests on each candidate and choose one."""

from stages.run_tests.candidate_judge import CandidateJudge
from stages.run_tests.stage import RunTests
from stages.run_tests.verdict import Verdict

__all__ = ["CandidateJudge", "RunTests", "Verdict"]
