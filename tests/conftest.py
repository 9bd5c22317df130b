"""Fixtures that every test may ask for."""

import gc

from hypothesis import settings

# Almost all that is made until the tests begin stays until they end. Looking for garbage in it took
# a fifth of the time of collecting the tests, in each process.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


pytest_plugins = [
    "tests.stand_ins.app_keys",
    "tests.stand_ins.aws",
    "tests.stand_ins.remembering_sandbox",
]

# The same examples each time: what fails, fails for the author of the change. `make fuzz` looks for
# new ones.
settings.register_profile("default", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None, max_examples=10_000)
settings.load_profile("default")
