"""``coding-agent submit``: put jobs on the queue."""

import asyncio
import json
from typing import TextIO

import click
from pydantic import ValidationError

from cli import exits
from cli.environment import Failure, settings
from pipeline.job import FixIssueJob, InvalidJob, NewerSchema, UnreadableMessage, explain, parse_job


@click.command("submit")
@click.argument("issue_urls", nargs=-1)
@click.option(
    "--file", "job_file", type=click.File(encoding="utf-8"), help="Jobs as JSON, one a line; - reads standard input."
)
@click.option("--base-branch", help="Work from this branch.")
@click.option("--dry-run", is_flag=True, help="Find a fix; push nothing.")
@click.option("--metadata", multiple=True, metavar="KEY=VALUE", help="Handed back in every event; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a job.")
@click.pass_context
def command(
    ctx: click.Context, issue_urls: tuple[str, ...], job_file: TextIO | None, base_branch: str | None,
    dry_run: bool, metadata: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Put a job on the queue (CODING_AGENT_QUEUE_URL). The same issue sent twice is one job.

    \b
    Examples:
      coding-agent submit https://github.com/octo/repo/issues/42
      coding-agent submit --file jobs.jsonl --json
    """
    raw = [_described(url, base_branch, dry_run, metadata) for url in issue_urls]
    raw += [line for line in job_file if line.strip()] if job_file else []
    if not raw:
        raise Failure("give an ISSUE_URL, or --file", exits.USAGE)
    jobs = []
    for number, body in enumerate(raw, 1):
        try:
            jobs.append(parse_job(body))
        except (UnreadableMessage, NewerSchema, InvalidJob) as error:
            raise Failure(f"job {number}: {error}; nothing was sent", exits.USAGE) from None
    chosen = settings(ctx)
    if not chosen.queue_url:
        raise Failure("CODING_AGENT_QUEUE_URL is not set: the SQS queue to put jobs on", exits.USAGE)
    for job, message_id in zip(jobs, asyncio.run(_send(chosen.queue_url, jobs)), strict=True):
        told = {"job_id": job.id, "issue_url": job.issue.url, "message_id": message_id}
        click.echo(json.dumps(told) if as_json else f"{job.id}  {job.issue.url}")


def _described(url: str, base_branch: str | None, dry_run: bool, metadata: tuple[str, ...]) -> str:
    pairs = dict(pair.partition("=")[::2] for pair in metadata)
    given = {"issue_url": url, "metadata": pairs, "options": {"dry_run": dry_run}, "base_branch": base_branch}
    try:
        return FixIssueJob.model_validate(given).to_json()
    except ValidationError as error:
        raise Failure(f"{url}: {explain(error)}; nothing was sent", exits.USAGE) from None


async def _send(queue_url: str, jobs: list[FixIssueJob]) -> list[str]:
    from pipeline.queue import SqsQueue

    async with SqsQueue(queue_url, visibility_timeout=30) as queue:
        return [await queue.submit(job) for job in jobs]
