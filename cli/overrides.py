"""The options with which a replay changes a job."""

from dataclasses import dataclass

import click

from cli import exits
from cli.command import CommandError, settings
from cli.option_groups import option_group
from console.queues.replays import Overrides
from pipeline.settings import Settings, variable


@dataclass(frozen=True)
class OverrideOptions:
    """``Overrides`` as given on the command line, with a template set by any of its names."""

    from_stage: str | None
    model: str | None
    template_dir: str | None
    max_cost: float | None
    max_minutes: float | None
    max_rounds: int | None

    def resolve(self, ctx: click.Context) -> Overrides:
        """Publish the templates, and return the overrides. Ends the command if workers would reject
        the replay, before any job is touched.
        """
        from cli.prompts.publishing import publish_named

        chosen = settings(ctx)
        _check_stage(self.from_stage)
        _check_model(self.model, chosen)
        self._check_limits(chosen)
        template_set = None
        if self.template_dir is not None:
            template_set = publish_named(ctx, self.template_dir)
        return Overrides(
            from_stage=self.from_stage,
            model=self.model,
            template_set=template_set,
            max_cost_usd=self.max_cost,
            max_minutes=self.max_minutes,
            max_rounds=self.max_rounds,
        )

    def _check_limits(self, chosen: Settings) -> None:
        """End the command if a limit is over what is set here. Say so if nothing is set here: a
        worker lowers a limit that is over its own.
        """
        limits = (
            ("--max-cost", self.max_cost, "max_cost_usd"),
            ("--max-minutes", self.max_minutes, "max_minutes"),
            ("--max-rounds", self.max_rounds, "max_rounds"),
        )
        for option, value, field in limits:
            if value is None:
                continue
            if field not in chosen.model_fields_set:
                click.echo(
                    f"{option}: {variable(field)} is not set here: if the workers' is lower, it"
                    " applies",
                    err=True,
                )
                continue
            ceiling = getattr(chosen, field)
            if value > ceiling:
                message = f"{option}: {value:g} is more than this deployment allows, {ceiling:g}"
                raise CommandError(message, exits.USAGE)


#: Passes ``OverrideOptions`` as ``override_options``.
with_override_options = option_group(
    "override_options",
    OverrideOptions,
    click.option("--from-stage", help="Keep the results of the stages before this one."),
    click.option("--model", help="Use this model; the worker must allow it."),
    click.option(
        "--template-dir",
        metavar="FOLDER|HASH",
        help="Use these templates: a folder, which is published first, a published set by the first"
        " digits of its hash, or `default` for the shipped one.",
    ),
    click.option("--max-cost", type=float, help="US dollars, up to the deployment's limit."),
    click.option(
        "--max-minutes", type=float, help="Minutes of work, up to the deployment's limit."
    ),
    click.option("--max-rounds", type=int, help="Rounds, up to the deployment's limit."),
)


def _check_stage(from_stage: str | None) -> None:
    from stages.order import NAMES

    if from_stage is not None and from_stage not in NAMES:
        message = f"--from-stage: no stage {from_stage!r}; the stages are {', '.join(NAMES)}"
        raise CommandError(message, exits.USAGE)


def _check_model(model: str | None, chosen: Settings) -> None:
    allowed = chosen.allowed_models
    if not allowed and chosen.model:
        allowed = (chosen.model,)
    if model is not None and allowed and model not in allowed:
        names = ", ".join(allowed)
        message = f"--model: {model!r} is not in CODING_AGENT_ALLOWED_MODELS ({names})"
        raise CommandError(message, exits.USAGE)
