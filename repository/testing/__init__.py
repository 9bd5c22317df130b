"""Run a repository's tests: detect how, install what they need, run them, read the reports."""
