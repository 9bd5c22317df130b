"""Run a repository's tests: detect how, install their requirements, run them, read reports."""
