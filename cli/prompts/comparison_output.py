"""The options ``--json`` and ``--html`` of ``prompts compare`` and ``prompts replay``."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import exits
from cli.command import CommandError, settings
from cli.option_groups import option_group

if TYPE_CHECKING:
    from console.comparison.comparison import Comparison


@dataclass(frozen=True)
class ComparisonOutput:
    """How a comparison is printed, and where its page is written."""

    as_json: bool
    html: Path | None

    def write_page(self, ctx: click.Context, comparison: "Comparison") -> None:
        """Write the page if one is wanted."""
        if self.html is None:
            return
        from console.comparison.page import render_comparison
        from pipeline.settings import secret_values
        from pipeline.telemetry import Redactor

        page = render_comparison(comparison, Redactor(secret_values(settings(ctx))))
        try:
            self.html.write_bytes(page)
        except OSError as error:
            message = f"{self.html} can't be written: {error.strerror}"
            raise CommandError(message, exits.USAGE) from None
        click.echo(f"wrote {self.html}", err=True)


def _check_folder(_ctx: click.Context, _param: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a file in no folder, before a model is paid."""
    if path is not None and not path.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {path.parent}")
    return path


with_output_options = option_group(
    "output",
    ComparisonOutput,
    click.option(
        "--html",
        type=click.Path(dir_okay=False, writable=True, path_type=Path),
        metavar="FILE",
        callback=_check_folder,
        help="Also write a page that a colleague can open, without a network.",
    ),
    click.option("--json", "as_json", is_flag=True, help="One JSON object."),
)
