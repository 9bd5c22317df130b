"""``prompts golden`` and ``prompts watch``: what an edit changes in every prompt."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from cli import exits
from cli.command import CommandError, settings
from cli.prompts.source import changed_lines, exit_on_template_error, load, template_dir
from prompts import TemplateError, TemplateSet
from prompts import golden as frozen_cases
from prompts.template_set import SHIPPED, template_files
from prompts.tokens import tokens_of

Texts = Mapping[tuple[str, str], str]


@click.command("golden")
@template_dir
@click.option(
    "--update", is_flag=True, help="Freeze the texts as they are now, in the folder's golden/."
)
@click.option("--model", help="Price the difference for this model; default: CODING_AGENT_MODEL.")
@click.pass_context
def golden(ctx: click.Context, named: str | None, update: bool, model: str | None) -> None:
    """Show what the templates make of frozen inputs, against what they made when they were frozen.

    Exits with 1 where a text changed. Tokens are estimated, at 3 bytes each, which is rather too high; prices are
    LiteLLM's, from its list on this machine.

    \b
    Examples:
      coding-agent prompts golden --template-dir ./mine
      coding-agent prompts golden --template-dir prompts/templates --update
    """
    folder = Path(named) if named and Path(named).is_dir() else None
    if update and folder is None:
        raise CommandError(
            "--update needs --template-dir FOLDER: what is frozen is kept in its golden/",
            exits.USAGE,
        )
    templates = load(ctx, named)
    price = _price(model or settings(ctx).model)
    with exit_on_template_error():
        now = _texts(templates)
    before = _frozen(folder)
    changed = list(_changes(before, now, price))
    for told in changed:
        click.echo(told, nl=False)
    if update and folder:
        frozen_cases.freeze(folder, now)
    click.echo(
        f"{len(changed)} of {len(now)} texts changed{', and are frozen now' if update else ''}",
        err=True,
    )
    ctx.exit(exits.ERROR if changed and not update else exits.OK)


@click.command("watch")
@click.option(
    "--template-dir",
    "folder",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder that you edit.",
)
@click.option("--seconds", type=click.FloatRange(min=0.1), default=0.5, help="Between two looks.")
def watch(folder: Path, seconds: float) -> None:
    """Render again on each save, and show what it changed since the last; Ctrl-C ends it.

    \b
    Example:
      coding-agent prompts watch --template-dir ./mine
    """
    for said in watched(folder, lambda: time.sleep(seconds)):
        click.echo(said, nl=False)


def _saved_at(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:  # between two looks of an editor's that saves by renaming
        return 0


def watched(folder: Path, wait: Callable[[], object]) -> Iterator[str]:
    """What to say, first at once and then at each save; ``wait`` lies between two looks. Ends where ``wait`` raises
    StopIteration."""
    seen = dict[str, int]()
    before = None
    while True:
        there = {file.name: _saved_at(file) for file in template_files(folder)}
        if there != seen:
            saved = sorted(name for name in there if there[name] != seen.get(name))
            seen = there
            try:
                now = _texts(TemplateSet.load(folder))
            except TemplateError as error:
                yield f"{error}\n"
            else:
                if before is None:
                    yield f"watching {folder}: {len(now)} texts\n"
                else:
                    changes = "".join(_changes(before, now, None))
                    yield changes or f"{', '.join(saved)}: no text changed\n"
                before = now
        try:
            wait()
        except StopIteration:
            return


def _texts(templates: TemplateSet) -> Texts:
    inputs = frozen_cases.cases()
    inputs.pop(frozen_cases.LARGE)
    return frozen_cases.render(templates, inputs)


def _frozen(folder: Path | None) -> Texts:
    return (frozen_cases.frozen(folder) if folder else {}) or frozen_cases.frozen(SHIPPED)


def _changes(before: Texts, now: Texts, price: float | None) -> Iterator[str]:
    """A diff and a line about tokens for each text that changed. ``price``: US dollars a token of
    input.
    """
    for case, name in sorted({*before, *now}):
        old = before.get((case, name), "")
        new = now.get((case, name), "")
        if not (difference := changed_lines(old, new, f"{case}/{name}.md")):
            continue
        tokens = [tokens_of(text) for text in (old, new)]
        cost = (
            f", {(tokens[1] - tokens[0]) * price:+.6f} US dollars a call"
            if price is not None
            else ""
        )
        yield f"{difference}{case}/{name}: about {tokens[0]} -> {tokens[1]} tokens{cost}\n"


def _price(model: str | None) -> float | None:
    """US dollars a token of input; None for a stand-in, or where LiteLLM lists none."""
    if not model or model.startswith(("scripted:", "replay:")):
        return None
    from pipeline.model.litellm_client import listed_input_price

    return listed_input_price(model)
