"""Readers of test runners' reports: one per file."""
