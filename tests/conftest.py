"""Fixtures that every test may ask for."""

pytest_plugins = ["tests.stand_ins.aws"]
