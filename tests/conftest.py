"""Fixtures that every test may ask for."""

from hypothesis import settings

pytest_plugins = ["tests.stand_ins.aws"]

settings.register_profile("default", deadline=None)
settings.register_profile("fuzz", deadline=None, max_examples=10_000)
settings.load_profile("default")
