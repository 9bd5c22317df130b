"""Labels on issues and pull requests that mean something to this service."""

from collections.abc import Iterable

STOP = "no-agent"
"""Whoever puts it on an issue or a pull request wants no work of this service there."""


def is_stopped(labels: Iterable[str]) -> bool:
    """Return whether one of the labels is ``no-agent``; GitHub ignores the case of labels."""
    return any(label.lower() == STOP for label in labels)
