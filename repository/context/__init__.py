"""Rank a repository's files for an issue, and cut excerpts from them."""
