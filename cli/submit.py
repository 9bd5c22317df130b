"""``coding-agent submit``: put jobs on the queue."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

import click
from pydantic import ValidationError

from cli import exits
from cli.aws import queue_url
from cli.command import CommandError, exit_on_settings_error, settings
from cli.jobs.opening import open_store
from cli.option_groups import option_group
from cli.output import Output, json_option
from cli.text_lines import read_lines
from console.queues.visibility import VISIBILITY_TIMEOUT
from pipeline.job import (
    FIX_ISSUE,
    AddressReviewJob,
    FixIssueJob,
    InvalidJob,
    Job,
    JobRefusal,
    NewerSchema,
    UnreadableMessage,
    explain,
    is_pull_url,
    parse_job,
)

if TYPE_CHECKING:
    from pipeline.policy import Policy
    from pipeline.store.contract import RunRow
    from pipeline.store.reader import StoreReader

#: Returns why a job would be rejected; None if it would not, as far as it is known here.
Refuse = Callable[[Job], JobRefusal | None]


@dataclass(frozen=True)
class JobFields:
    """Job fields from the options, which apply to every URL."""

    base_branch: str | None
    requested_at: str | None
    dry_run: bool
    allow_second_pull_request: bool
    again: bool
    metadata: tuple[str, ...]
    """KEY=VALUE pairs."""

    @property
    def is_empty(self) -> bool:
        given = (self.base_branch, self.requested_at, self.options, self.again, self.metadata)
        return not any(given)

    @property
    def are_of_issues(self) -> bool:
        """Whether one is given that only a job for an issue has."""
        return any(
            (self.base_branch, self.requested_at, self.allow_second_pull_request, self.again)
        )

    @property
    def options(self) -> dict[str, bool]:
        """The options that are set, named as in a job."""
        flags = {
            "dry_run": self.dry_run,
            "allow_second_pull_request": self.allow_second_pull_request,
        }
        return {name: True for name, is_set in flags.items() if is_set}


_with_job_fields = option_group(
    "fields",
    JobFields,
    click.option("--base-branch", help="Work from this branch."),
    click.option(
        "--requested-at",
        metavar="TIME",
        help="When the fix was requested, such as 2026-11-30T09:00:00Z: comments made later are"
        " left out, and an issue that was edited later is rejected.",
    ),
    click.option("--dry-run", is_flag=True, help="Find a fix, but push nothing."),
    click.option(
        "--allow-second-pull-request",
        is_flag=True,
        help="Work on the issue although an open pull request for it exists.",
    ),
    click.option("--again", is_flag=True, help="Run a job that has ended once more."),
    click.option(
        "--metadata",
        multiple=True,
        metavar="KEY=VALUE",
        help="Returned in every event; may be repeated.",
    ),
)


@click.command("submit")
@click.argument("urls", nargs=-1, metavar="URL...")
@click.option(
    "--file",
    "job_file",
    type=click.File(encoding="utf-8"),
    help="Jobs as JSON, one a line; - reads standard input.",
)
@_with_job_fields
@click.option(
    "--wait",
    is_flag=True,
    help="Follow each run until it ends; the exit code is the worst of the runs'.",
)
@json_option()
@click.pass_context
def command(
    ctx: click.Context,
    urls: tuple[str, ...],
    job_file: TextIO | None,
    fields: JobFields,
    wait: bool,
    output: Output,
) -> None:
    """Put jobs on the queue (CODING_AGENT_QUEUE_URL). An issue that is sent twice is one job.

    The URL of a pull request that this service opened asks for an answer to its review.

    If one job of several is invalid, or would be rejected by what is set here, none is sent. A job
    that has ended is not run again: its event is published again, and where the store can be read,
    it is said how it ended. --again runs it once more.

    --wait needs the store that the worker writes to. Ctrl-C ends the waiting, not the runs.

    \b
    Examples:
      coding-agent submit https://github.com/octo/repo/issues/42 --metadata ticket=OPS-7
      coding-agent submit https://github.com/octo/repo/issues/42 --again --wait
      coding-agent submit https://github.com/octo/repo/pull/43
      coding-agent submit --file jobs.jsonl --json
      jq -c '.[]' jobs.json | coding-agent submit --file -
    """
    if not urls and job_file is None:
        raise CommandError("give the URL of an issue or a pull request, or --file", exits.USAGE)
    if job_file and not fields.is_empty:
        raise CommandError(
            "--base-branch, --requested-at, --dry-run, --allow-second-pull-request, --again and"
            " --metadata are for URLs; in a file, each job has its own",
            exits.USAGE,
        )
    refuse = _known_policy(ctx).refusal
    jobs = [_job(url, fields, refuse) for url in urls]
    if job_file is not None:
        jobs.extend(_read_jobs(job_file, refuse))
    url = queue_url(ctx)
    store = open_store(ctx) if wait else None
    asyncio.run(_submit(url, jobs, _ended_runs(ctx, jobs), output))
    if store is not None:
        ctx.exit(_follow_each(ctx, store, jobs, output))


def _follow_each(ctx: click.Context, store: "StoreReader", jobs: list[Job], output: Output) -> int:
    """Follow the runs one after the other; return the worst exit code."""
    from cli.watching import follow, open_watch
    from pipeline.store.contract import Submission

    codes: list[int] = []
    for job in jobs:
        submission = Submission.of(job)

        def find_run(submission: Submission = submission) -> "RunRow | None":
            return store.find(submission).run

        watch = open_watch(ctx, store, find_run)
        codes.append(follow(watch, job.id, as_json=output.as_json))
    return max(codes)


def _known_policy(ctx: click.Context) -> "Policy":
    from cli.policy import known_policy

    with exit_on_settings_error():
        return known_policy(settings(ctx))


def _job(url: str, fields: JobFields, refuse: Refuse) -> Job:
    try:
        job = _review_job(url, fields) if is_pull_url(url) else _fix_job(url, fields)
    except ValidationError as error:
        raise CommandError(f"{explain(error)}; nothing was sent", exits.USAGE) from None
    refusal = refuse(job)
    if refusal is not None:
        raise CommandError(f"{refusal.reason}; nothing was sent", exits.USAGE)
    return job


def _review_job(pull_url: str, fields: JobFields) -> AddressReviewJob:
    """Return a job that answers what is unanswered in a pull request now."""
    if fields.are_of_issues:
        raise CommandError(
            "--base-branch, --requested-at, --allow-second-pull-request and --again are for issues;"
            f" {pull_url} is a pull request: each submission answers what is unanswered then",
            exits.USAGE,
        )
    return AddressReviewJob.of(
        pull_url,
        f"submit:{uuid.uuid4()}",
        metadata=_parse_metadata(fields.metadata),
        options=fields.options,
    )


def _fix_job(issue_url: str, fields: JobFields) -> FixIssueJob:
    body = {
        "issue_url": issue_url,
        "metadata": _parse_metadata(fields.metadata),
        "options": fields.options,
        "base_branch": fields.base_branch,
        "requested_at": fields.requested_at,
    }
    if fields.again:
        body["replay"] = {"id": f"submit:{uuid.uuid4()}"}
    return FixIssueJob.model_validate(body)


def _parse_metadata(pairs: tuple[str, ...]) -> dict[str, str]:
    metadata = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator:
            raise CommandError(f"--metadata {pair}: give KEY=VALUE", exits.USAGE)
        metadata[key] = value
    return metadata


def _read_jobs(file: TextIO, refuse: Refuse) -> list[Job]:
    jobs = []
    for number, line in read_lines(file, "nothing was sent"):
        where = f"{file.name}, line {number} (one job a line)"
        try:
            job = parse_job(line)
        except (UnreadableMessage, NewerSchema, InvalidJob) as error:
            raise CommandError(f"{where}: {error}; nothing was sent", exits.USAGE) from None
        refusal = refuse(job)
        if refusal is not None:
            raise CommandError(f"{where}: {refusal.reason}; nothing was sent", exits.USAGE)
        jobs.append(job)
    if not jobs:
        raise CommandError(f"{file.name} contains no job", exits.USAGE)
    return jobs


def _ended_runs(ctx: click.Context, jobs: list[Job]) -> "dict[str, RunRow]":
    """Return the runs of these jobs that have ended, by job id.

    Empty if the store can't be read: a machine that only sends jobs may not have access to it.
    """
    from cli.stores import has_store, open_store_to_read
    from pipeline.errors import judge
    from pipeline.store.contract import Submission

    chosen = settings(ctx)
    ended: dict[str, RunRow] = {}
    if not has_store(chosen):
        return ended
    try:
        store = open_store_to_read(chosen)
        ctx.call_on_close(store.close)
        for job in jobs:
            run = store.find(Submission.of(job)).run
            if run is not None and run.state == "finished":
                ended[job.id] = run
    except Exception as error:
        reason = judge(error).reason
        click.echo(f"whether the jobs have run before is not known: {reason}", err=True)
    return ended


async def _submit(
    queue_url: str, jobs: list[Job], ended: "dict[str, RunRow]", output: Output
) -> None:
    """Send the jobs. Each is printed as soon as it is sent: if AWS fails later, it is clear which
    ones are on the queue.

    Args:
        ended: the runs of these jobs that have ended, by job id.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from pipeline.errors import describe
    from pipeline.queue import SqsQueue

    try:
        async with SqsQueue(queue_url, visibility_timeout=VISIBILITY_TIMEOUT) as queue:
            for job in jobs:
                message_id = await queue.submit(job)
                run = ended.get(job.id)
                row = {"job_id": job.id, "issue_url": job.subject.url, "message_id": message_id}
                if run is not None:
                    row.update(outcome=run.outcome or "", reason=run.reason or "")
                    _report_end(run)
                output.write(row, f"{job.id}  {job.subject.url}")
    except (BotoCoreError, ClientError, ValueError) as error:
        raise CommandError(
            f"{queue_url} refused: {describe(error)}; jobs that are not listed were not sent"
        ) from None


def _report_end(run: "RunRow") -> None:
    message = (
        f"{run.job_id} has already ended as {run.outcome}: {run.reason}; its event is published"
        " again"
    )
    if run.job_type == FIX_ISSUE:
        message += ", and --again runs the job once more"
    click.echo(message, err=True)
