"""Trees for detection, from dictionaries."""

from collections.abc import Mapping

from repository.testing.detect.tree import Tree

CASE = "import unittest\nclass T(unittest.TestCase):\n    def test_a(self): ...\n"
"""A test file of unittest."""


def tree_of(files: Mapping[str, str]) -> Tree:
    """``files``: path -> text."""
    sizes = {path: len(text) for path, text in files.items()}
    return Tree(sizes=sizes, read=files.get)
