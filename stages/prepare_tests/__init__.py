"""Prepare the tests: the stage, and how a suite is prepared."""

from stages.prepare_tests.stage import PrepareTests
from stages.prepare_tests.suites import (
    SuitePreparation,
    make_suite,
    open_bed_in,
    open_test_bed,
    plan_suite,
)

__all__ = [
    "PrepareTests",
    "SuitePreparation",
    "make_suite",
    "open_bed_in",
    "open_test_bed",
    "plan_suite",
]
