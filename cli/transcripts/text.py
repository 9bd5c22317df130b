"""A transcript as text: plain, or styled for a terminal."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from console.visible_text import visible
from repository.counts import count
from stages.propose_patch.agent.transcript import Transcript, TranscriptCall, TranscriptStep

if TYPE_CHECKING:
    from rich.text import Text


def step_text(transcript: Transcript, index: int) -> "Text":
    """Return one step as styled text, without control characters."""
    from rich.text import Text

    step = transcript.steps[index]
    text = Text()
    for part, style in _parts(transcript, step):
        if part:
            text.append(visible(part), style)
            text.append("\n")
    return text


def heading(transcript: Transcript, index: int) -> str:
    """Return a one-line description of a step."""
    step = transcript.steps[index]
    parts = [f"step {step.number} ({index + 1} of {len(transcript.steps)})", f"round {step.round}"]
    if step.model:
        parts.append(step.model)
    parts.append(f"{step.prompt_tokens} tokens in, {step.completion_tokens} out")
    parts.append(f"${step.cost_usd:.4f}")
    parts.append(f"{step.seconds:.1f} s")
    return visible(" · ".join(parts))


def _parts(transcript: Transcript, step: TranscriptStep) -> Iterator[tuple[str, str]]:
    """Yield the parts of a step with their styles."""
    if step.before:
        yield "── harness", "bold yellow"
        yield step.before, ""
    if step.thoughts:
        yield "── thoughts", "bold"
        yield step.thoughts, "dim"
    if step.reply.strip():
        yield "── model", "bold"
        yield step.reply.strip(), ""
    for call in step.calls:
        yield from _call_parts(call)
    for note in step.notes:
        yield "── harness", "bold yellow"
        yield note, ""
    if step.ending is not None:
        yield f"── the round ends: {step.ending}", "bold"
    elif step is transcript.steps[-1] and transcript.ending is not None:
        yield f"── the round ends: {transcript.ending}", "bold"


def _call_parts(call: TranscriptCall) -> Iterator[tuple[str, str]]:
    yield f"── {call.tool or 'call'}", "bold cyan"
    if call.call != call.tool:
        yield call.call.removeprefix(f"{call.tool}\n"), "cyan"
    result = "result"
    if call.exit_code is not None:
        result += f", exit code {call.exit_code}"
    failed = call.failed or bool(call.exit_code)
    yield f"── {result}", "bold red" if failed else "bold green"
    yield call.result, ""


def styled_lines(text: "Text", width: int, *, color: bool) -> list[str]:
    """Return the text as lines for a terminal, wrapped at its width."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=True,
        no_color=not color,
        color_system="standard",
        highlight=False,
    )
    with console.capture() as capture:
        console.print(text, end="")
    return capture.get().split("\n")


def print_all(transcript: Transcript) -> None:
    """Print all steps to standard output; styled if it is a terminal."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for index in range(len(transcript.steps)):
        console.print(Text(f"━━ {heading(transcript, index)}", "bold"))
        console.print(step_text(transcript, index))
    steps = count(len(transcript.steps), "step")
    ending = transcript.ending or "not ended"
    console.print(Text(visible(f"attempt {transcript.attempt}: {steps}; {ending}"), "bold"))
