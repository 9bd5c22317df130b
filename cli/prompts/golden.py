"""``prompts golden`` and ``prompts watch``: show what an edit changes in every prompt."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from cli import exits
from cli.command import CommandError, settings
from cli.prompts.source import changed_lines, exit_on_template_error, load, template_dir
from prompts import golden as golden_cases
from prompts.golden import Texts
from prompts.template_set import SHIPPED, TemplateError, TemplateSet, template_files
from prompts.tokens import tokens_of


@click.command("golden")
@template_dir
@click.option(
    "--update", is_flag=True, help="Freeze the current texts in the folder's golden/ directory."
)
@click.option("--model", help="Price the difference for this model; default: CODING_AGENT_MODEL.")
@click.pass_context
def golden(ctx: click.Context, named: str | None, update: bool, model: str | None) -> None:
    """Render the frozen inputs and compare the texts with the frozen ones.

    Exits with 1 if a text changed. Tokens are estimated on the high side, at 3 bytes each;
    prices come from LiteLLM's list on this machine.

    \b
    Examples:
      coding-agent prompts golden --template-dir ./mine
      coding-agent prompts golden --template-dir prompts/templates --update
    """
    folder = Path(named) if named and Path(named).is_dir() else None
    if update and folder is None:
        raise CommandError(
            "--update needs --template-dir FOLDER: frozen texts are stored in its golden/",
            exits.USAGE,
        )
    templates = load(ctx, named)
    price = _input_price(model, settings(ctx).model)
    with exit_on_template_error():
        current = _render(templates)
    changes = list(_changes(_frozen(folder), current, price))
    for change in changes:
        click.echo(change, nl=False)
    message = f"{len(changes)} of {len(current)} texts changed"
    if update and folder:
        golden_cases.freeze(folder, current)
        message += ", and are now frozen"
    click.echo(message, err=True)
    ctx.exit(exits.ERROR if changes and not update else exits.OK)


@click.command("watch")
@click.option(
    "--template-dir",
    "folder",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder that you edit.",
)
@click.option(
    "--seconds", type=click.FloatRange(min=0.1), default=0.5, help="Seconds between two checks."
)
def watch(folder: Path, seconds: float) -> None:
    """Render again on each save and show the changed prompts; stop with Ctrl-C.

    \b
    Example:
      coding-agent prompts watch --template-dir ./mine
    """
    for text in watch_folder(folder, lambda: time.sleep(seconds)):
        click.echo(text, nl=False)


def watch_folder(folder: Path, wait: Callable[[], object]) -> Iterator[str]:
    """Yield text to print, first immediately and then after each save.

    ``wait`` is called between two checks of the folder; it ends the loop by raising StopIteration.
    """
    saved_at: dict[str, int] = {}
    texts: Texts | None = None
    while True:
        current = {file.name: _saved_at(file) for file in template_files(folder)}
        if current != saved_at:
            saved = [name for name in sorted(current) if current[name] != saved_at.get(name)]
            saved_at = current
            try:
                new_texts = _render(TemplateSet.load(folder))
            except TemplateError as error:
                yield f"{error}\n"
            else:
                yield _describe_save(folder, saved, texts, new_texts)
                texts = new_texts
        try:
            wait()
        except StopIteration:
            return


def _describe_save(folder: Path, saved: list[str], before: Texts | None, after: Texts) -> str:
    if before is None:
        return f"watching {folder}: {len(after)} texts\n"
    changes = "".join(_changes(before, after, None))
    return changes or f"{', '.join(saved)}: no text changed\n"


def _saved_at(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        # Some editors save by renaming: the file is gone for a moment.
        return 0


def _render(templates: TemplateSet) -> Texts:
    inputs = golden_cases.cases()
    inputs.pop(golden_cases.LARGE)
    return golden_cases.render(templates, inputs)


def _frozen(folder: Path | None) -> Texts:
    """Return the folder's frozen texts, or the shipped ones if it has none."""
    own = golden_cases.frozen(folder) if folder else {}
    return own or golden_cases.frozen(SHIPPED)


def _changes(before: Texts, after: Texts, price: float | None) -> Iterator[str]:
    """Yield a diff and a line about tokens for each text that changed.

    ``price`` is in US dollars per million input tokens.
    """
    for case, name in sorted({*before, *after}):
        old = before.get((case, name), "")
        new = after.get((case, name), "")
        difference = changed_lines(old, new, f"{case}/{name}.md")
        if not difference:
            continue
        old_tokens = tokens_of(old)
        new_tokens = tokens_of(new)
        summary = f"{case}/{name}: about {old_tokens} -> {new_tokens} tokens"
        if price is not None:
            difference_usd = (new_tokens - old_tokens) * price / 1e6
            summary += f", {difference_usd:+.6f} US dollars per call"
        yield f"{difference}{summary}\n"


def _input_price(named: str | None, default: str | None) -> float | None:
    """Return the list price of a million input tokens of the named model, or of the default one.

    None if there is none; a named model must have one.
    """
    model = named or default
    if not model or model.startswith(("scripted:", "replay:")):
        return None
    from pipeline.model.price_list import price_to_show

    price = price_to_show(model)
    if price is not None:
        return price.input
    message = f"{model!r} has no price in LiteLLM's list"
    if named:
        raise CommandError(f"--model: {message}", exits.USAGE)
    click.echo(f"{message}: differences are shown without costs", err=True)
    return None
