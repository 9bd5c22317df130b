"""Readers of test runners' reports."""
