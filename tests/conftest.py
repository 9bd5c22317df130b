"""Fixtures that every test may ask for."""

from hypothesis import settings

pytest_plugins = ["tests.stand_ins.aws"]

# The same examples each time: what fails, fails for the author of the change. `make fuzz` looks for
# new ones.
settings.register_profile("default", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None, max_examples=10_000)
settings.load_profile("default")
