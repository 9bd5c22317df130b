"""Readers of test runners' reports: one reader a file."""
