"""``coding-agent schema job|event|asyncapi``: the contracts, for who sends jobs and reads events."""

import json
from typing import Any

import click


@click.command("schema")
@click.argument("what", type=click.Choice(["job", "event", "asyncapi"]))
def command(what: str) -> None:
    """Print the JSON Schema of a job (what a sender writes) or an event (what a receiver reads), or both in one
    AsyncAPI document with the queue and the topic they travel on (YAML).

    \b
    Examples:
      coding-agent schema job > fix-issue-job.schema.json
      coding-agent schema asyncapi > docs/asyncapi.yaml
    """
    if what == "asyncapi":
        import yaml

        click.echo(
            yaml.safe_dump(_asyncapi(), sort_keys=False, allow_unicode=True, width=120), nl=False
        )
        return
    from pipeline.job import FixIssueJob
    from pipeline.outcome import Event

    model = FixIssueJob if what == "job" else Event
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **model.model_json_schema(),
    }
    click.echo(json.dumps(schema, indent=2))


def _asyncapi() -> dict[str, Any]:
    """AsyncAPI 3.0 (https://www.asyncapi.com/docs/reference/specification/v3.0.0)."""
    from pipeline.job import FixIssueJob
    from pipeline.outcome import Event

    schemas: dict[str, Any] = {}
    for model in (FixIssueJob, Event):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
    attributes = {
        "type": {"type": "string"},
        "repository": {"type": "string"},
        "outcome": {"type": "string"},
        "duplicate": {
            "type": "string",
            "const": "true",
            "description": "the event of a finished job, sent again",
        },
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "coding-agent",
            "version": "1",
            "description": "GitHub issues in, pull requests out.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "jobs": {
                "description": "the SQS queue",
                "messages": {"job": {"$ref": "#/components/messages/job"}},
            },
            "events": {
                "description": "the SNS topic",
                "messages": {"event": {"$ref": "#/components/messages/event"}},
            },
        },
        "operations": {
            "takeJob": {"action": "receive", "channel": {"$ref": "#/channels/jobs"}},
            "publishEvent": {"action": "send", "channel": {"$ref": "#/channels/events"}},
        },
        "components": {
            "messages": {
                "job": {"payload": {"$ref": "#/components/schemas/FixIssueJob"}},
                "event": {
                    "payload": {"$ref": "#/components/schemas/Event"},
                    "headers": {"type": "object", "properties": attributes},
                },
            },
            "schemas": schemas,
        },
    }
