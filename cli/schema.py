"""``coding-agent schema job|event``."""

import json

import click


@click.command("schema")
@click.argument("what", type=click.Choice(["job", "event"]))
def command(what: str) -> None:
    """Print the JSON Schema of a job (what a sender writes) or an event (what a receiver reads).

    \b
    Example:
      coding-agent schema job > fix-issue-job.schema.json
    """
    from pipeline.job import FixIssueJob
    from pipeline.outcome import event_schema

    schema = FixIssueJob.model_json_schema() if what == "job" else event_schema()
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    click.echo(json.dumps(schema, indent=2))
