"""Run tests in the sandbox and read what the runner reports."""
