"""The command line of a measurement: what the programs of this package have in common."""

import argparse
from pathlib import Path


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help begins with a module's docstring, line by line."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_instances(parser: argparse.ArgumentParser) -> None:
    """Add ``--instances`` and ``--repos``."""
    parser.add_argument(
        "--instances",
        type=Path,
        required=True,
        help="one JSON object per line, as in SWE-bench",
    )
    parser.add_argument(
        "--repos", type=Path, required=True, help="their repositories, in folders owner__name"
    )
