"""Measure whether tool calls are understood, in each form that models write.

    python -m benchmarks.protocols --trajectories FILE.jsonl.gz [--json OUT]

Each recorded command is written in each form, alone and together with the next one, and read back.
It is ``understood`` if exactly the same commands come back, and ``misread`` if anything else would
be executed. Otherwise it is refused, which costs a model a step.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from benchmarks.call_forms import FORMS
from benchmarks.recordings import Recording, read_recordings
from benchmarks.report import report, show, write
from stages.propose_patch.agent.protocol import BadCall, Bash, Call, read_calls

Verdict = Literal["understood", "refused", "misread"]
#: Characters of a command in a row of the report.
_MAX_SHOWN = 400


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    recordings = read_recordings(options.trajectories)
    counts: dict[str, Counter[Verdict]] = {form: Counter() for form in FORMS}
    rows: list[dict[str, Any]] = []
    for recording in recordings.values():
        for commands in command_groups(recording):
            for form in FORMS:
                verdict = judge(form, commands)
                counts[form][verdict] += 1
                if verdict != "understood":
                    rows.append(_row(recording, form, verdict, commands))
    summary = summarize(counts)
    document = report("protocols", summary, rows)
    lines = [_line(form, counts[form]) for form in FORMS]
    show("Tool calls", ("form", "replies", "understood", "refused", "misread"), lines, summary)
    write(document, options.json)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.protocols", description=__doc__)
    parser.add_argument(
        "--trajectories", type=Path, required=True, help="a gzip file of JSON lines"
    )
    parser.add_argument("--json", type=Path, help="write the report to this file")
    return parser.parse_args(arguments)


def command_groups(recording: Recording) -> list[tuple[str, ...]]:
    """Return each command of a run alone, and with the one after it."""
    texts = [command.text for command in recording.commands]
    return [*((text,) for text in texts), *pairwise(texts)]


def judge(form: str, commands: Sequence[str]) -> Verdict:
    """Write commands in a form, and compare what is read back."""
    reply = FORMS[form](commands)
    calls = read_calls(reply, "native" if reply.tool_calls else "text")
    executed = [call.tool for call in calls if isinstance(call, Call)]
    read = [tool.command if isinstance(tool, Bash) else None for tool in executed]
    if read == list(commands) and len(calls) == len(read):
        return "understood"
    is_beginning = read == list(commands[: len(read)])
    is_refused = not calls or any(isinstance(call, BadCall) for call in calls)
    return "refused" if is_beginning and is_refused else "misread"


def summarize(counts: dict[str, Counter[Verdict]]) -> dict[str, float]:
    """Return the shares that were understood: the lowest of all forms, all, and each form's."""
    shares = {form: count["understood"] / max(1, count.total()) for form, count in counts.items()}
    total: Counter[Verdict] = Counter()
    for count in counts.values():
        total.update(count)
    summary: dict[str, float] = {
        "replies": total.total(),
        "share_understood": total["understood"] / max(1, total.total()),
        "share_understood_lowest": min(shares.values()),
        "refused": total["refused"],
        "misread": total["misread"],
    }
    for form, share in shares.items():
        summary[f"understood_{form}"] = share
    return summary


def _line(form: str, count: Counter[Verdict]) -> tuple[object, ...]:
    share = count["understood"] / max(1, count.total())
    return form, count.total(), share, count["refused"], count["misread"]


def _row(
    recording: Recording, form: str, verdict: Verdict, commands: Sequence[str]
) -> dict[str, Any]:
    return {
        "instance": recording.instance_id,
        "form": form,
        "verdict": verdict,
        "commands": [command[:_MAX_SHOWN] for command in commands],
    }


if __name__ == "__main__":
    sys.exit(main())
