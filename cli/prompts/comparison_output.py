"""The options ``--json`` and ``--html`` of ``prompts compare`` and ``prompts replay``."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.command import settings
from cli.new_file import check_replaceable, replace_file
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
        replace_file(self.html, page)
        click.echo(f"wrote {self.html}", err=True)


def _check_page(_ctx: click.Context, _param: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a file that can't or should not be written, before a model is paid."""
    if path is not None:
        from console.comparison.page import GENERATOR

        check_replaceable(path, GENERATOR, "the page of a comparison")
    return path


with_output_options = option_group(
    "output",
    ComparisonOutput,
    click.option(
        "--html",
        type=click.Path(dir_okay=False, writable=True, path_type=Path),
        metavar="FILE",
        callback=_check_page,
        help=(
            "Also write a page that a colleague can open, without a network. An earlier page is"
            " replaced, any other file is not."
        ),
    ),
    click.option("--json", "as_json", is_flag=True, help="One JSON object."),
)
