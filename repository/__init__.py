"""Analyse, change and test an untrusted repository."""
