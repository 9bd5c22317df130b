"""What the commands about the queue share: options, and how they open it."""

import asyncio
import re
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cli import exits
from cli.command import CommandError, exit_on_settings_error, settings

if TYPE_CHECKING:
    from cli.dlq.dead_letters import DeadLetters, Overrides
    from pipeline.queue import SqsQueue

Result = TypeVar("Result")
Command = TypeVar("Command", bound=Callable[..., Any])

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _moment(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    if ago := re.fullmatch(r"(\d{1,6})([smhd])", value):
        return time.time() - int(ago[1]) * _UNITS[ago[2]]
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{value!r} is neither like 90m, 2h, 3d nor like 2026-01-31T08:00"
        ) from None


#: Gives seconds since the epoch; a moment without a zone is UTC's.
since_option = click.option(
    "--since",
    metavar="2h|ISO",
    callback=_moment,
    help="Only since then: 90m, 2h, 3d ago, or a moment.",
)


def clock(seconds: float) -> str:
    """A moment as people and programs both read it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def override_options(command: Command) -> Command:
    """The options that ``overrides`` reads."""
    for option in reversed(
        [
            click.option("--from-stage", help="Keep the results of the stages before this one."),
            click.option("--model", help="Ask this model; the worker must allow it."),
            click.option(
                "--template-dir",
                type=click.Path(exists=True, file_okay=False, path_type=Path),
                help="With this folder's templates; they are published first.",
            ),
            click.option(
                "--max-cost", type=float, help="US dollars, up to the deployment's ceiling."
            ),
            click.option(
                "--max-minutes", type=float, help="Minutes of work, up to the deployment's ceiling."
            ),
            click.option("--max-rounds", type=int, help="Rounds, up to the deployment's ceiling."),
        ]
    ):
        command = option(command)
    return command


def overrides(
    ctx: click.Context,
    *,
    from_stage: str | None,
    model: str | None,
    template_dir: Path | None,
    max_cost: float | None,
    max_minutes: float | None,
    max_rounds: int | None,
) -> "Overrides":
    """What a replay changes. What the worker would certainly reject is refused here, while the jobs
    are still safe.
    """
    from cli.dlq.dead_letters import Overrides
    from cli.prompts.publishing import publish_folder
    from stages.order import NAMES

    chosen = settings(ctx)
    if from_stage is not None and from_stage not in NAMES:
        raise CommandError(
            f"--from-stage: no stage {from_stage!r}; there are {', '.join(NAMES)}", exits.USAGE
        )
    models = chosen.allowed_models or ((chosen.model,) if chosen.model else ())
    if model is not None and models and model not in models:
        raise CommandError(
            f"--model: {model!r} is not in CODING_AGENT_ALLOWED_MODELS ({', '.join(models)})",
            exits.USAGE,
        )
    wanted = publish_folder(ctx, template_dir) if template_dir else None
    return Overrides(from_stage, model, wanted, max_cost, max_minutes, max_rounds)


@dataclass(frozen=True)
class Desk:
    """The queue, its dead-letter queue, and whether somebody pressed Ctrl-C."""

    queue: "SqsQueue"
    dead: "SqsQueue"
    letters: "DeadLetters"
    stop: asyncio.Event


def queue_url(ctx: click.Context) -> str:
    chosen = settings(ctx)
    if not chosen.queue_url:
        raise CommandError(
            "CODING_AGENT_QUEUE_URL is not set: the SQS queue that workers take jobs from",
            exits.USAGE,
        )
    from cli.wiring import needs

    with exit_on_settings_error():
        needs("aioboto3", "aws")
    return chosen.queue_url


@contextmanager
def exit_on_aws_error() -> Iterator[None]:
    """What AWS refuses ends the command with its message."""
    from botocore.exceptions import BotoCoreError, ClientError

    from pipeline.errors import describe
    from pipeline.queue import EntriesFailed, NoDeadLetterQueue

    try:
        yield
    except NoDeadLetterQueue as error:
        raise CommandError(str(error), exits.USAGE) from None
    except (
        BotoCoreError,
        ClientError,
        EntriesFailed,
        ValueError,
    ) as error:  # ValueError: no address, no region
        raise CommandError(f"SQS did not do it: {describe(error)}") from None


def at_desk(ctx: click.Context, work: Callable[[Desk], Awaitable[Result]]) -> tuple[Result, bool]:
    """Do ``work`` with both queues open. Ctrl-C and SIGTERM set its ``stop`` instead of cutting it short; the second
    value says whether they came."""
    with exit_on_aws_error():
        return asyncio.run(_at_desk(queue_url(ctx), work))


async def _at_desk(url: str, work: Callable[[Desk], Awaitable[Result]]) -> tuple[Result, bool]:
    from cli.dlq.dead_letters import HOLD_SECONDS, DeadLetters
    from pipeline.queue import SqsQueue

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with SqsQueue(url, visibility_timeout=30) as queue:
        dead_url = await queue.dead_letters_url()
        async with SqsQueue(dead_url, visibility_timeout=HOLD_SECONDS) as dead:
            return await work(Desk(queue, dead, DeadLetters(dead, stop), stop)), stop.is_set()
