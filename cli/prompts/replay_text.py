"""A repeated run beside the original, for a terminal."""

import difflib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from console.comparison.trials import Trial
from console.visible_text import visible
from prompts.tokens import tokens_of

if TYPE_CHECKING:
    from rich.console import Console

CONTEXT_LINES = 2
"""Number of lines shown around a difference."""
MAX_PAIRS = 4_000_000
"""Lines on both sides, multiplied, up to which lines that repeat often are compared as others are:
the time grows with the square of their number, a quarter of a second for 2,000.
"""


def print_comparison(before: Trial, after: Trial) -> None:
    """Print the results of both, and what differs in their prompts and patches."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table("", "then", "with these templates", expand=True)
    table.add_row("outcome", before.outcome or "unfinished", after.outcome or "unfinished")
    tests_before = Text(visible(describe_tests(before)))
    tests_after = Text(visible(describe_tests(after)))
    table.add_row("tests", tests_before, tests_after)
    table.add_row("rounds", str(before.rounds), str(after.rounds))
    table.add_row("cost", f"${before.cost_usd:.4f}", f"${after.cost_usd:.4f}")
    table.add_row(
        "prompts",
        f"about {count_prompt_tokens(before)} tokens",
        f"about {count_prompt_tokens(after)} tokens",
    )
    console.print(table)
    for name in {**before.prompts, **after.prompts}:
        old = before.prompts.get(name, "")
        new = after.prompts.get(name, "")
        _print_difference(console, f"prompt: {name}", old, new)
    _print_difference(console, "patch", before.patch, after.patch)


def describe_tests(trial: Trial) -> str:
    """Return what the tests proved, or why none were run."""
    if trial.verification is None:
        return f"not run: {trial.reason}"
    return f"{trial.verification.value}: {trial.reason}"


def count_prompt_tokens(trial: Trial) -> int:
    return sum(tokens_of(text) for text in trial.prompts.values())


def _print_difference(console: "Console", title: str, old: str, new: str) -> None:
    from rich.table import Table
    from rich.text import Text

    rows = list(side_by_side(old.splitlines(), new.splitlines()))
    if not rows:
        console.print(Text(f"{title}: the same"))
        return
    table = Table("then", "with these templates", title=Text(title), expand=True, show_lines=False)
    for left, right in rows:
        style = "" if left == right else "bold"
        table.add_row(
            Text(visible(left), style=style),
            Text(visible(right), style=style),
        )
    console.print(table)


def side_by_side(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of lines that differ, with context; dots stand for skipped lines."""
    ignores_frequent_lines = len(old) * len(new) > MAX_PAIRS
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=ignores_frequent_lines)
    for number, group in enumerate(matcher.get_grouped_opcodes(CONTEXT_LINES)):
        starts_later = group[0][1] > 0
        if number > 0 or starts_later:
            yield "...", "..."
        for _, old_start, old_end, new_start, new_end in group:
            left = old[old_start:old_end]
            right = new[new_start:new_end]
            for index in range(max(len(left), len(right))):
                left_line = left[index] if index < len(left) else ""
                right_line = right[index] if index < len(right) else ""
                yield left_line, right_line
