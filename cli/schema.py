"""``coding-agent schema``: the contracts, for the developers of a backend."""

import json
from typing import Any

import click
from pydantic import BaseModel

#: Attributes of an event's message, by which subscribers filter.
_EVENT_ATTRIBUTES = {
    "type": {"type": "string"},
    "repository": {"type": "string"},
    "outcome": {"type": "string"},
    "duplicate": {
        "type": "string",
        "const": "true",
        "description": "the event of a finished job, sent again",
    },
    "traceparent": {
        "type": "string",
        "description": "the run's place in its trace, if the event has one",
    },
}


@click.command("schema")
@click.argument("what", type=click.Choice(["job", "review-job", "event", "asyncapi"]))
def command(what: str) -> None:
    """Print the JSON Schema of a job (which a sender writes) or of an event (which a receiver
    reads), or all in one AsyncAPI document with their queue and topic (YAML).

    `job` is a job that fixes an issue, `review-job` one that addresses a review.

    \b
    Examples:
      coding-agent schema job > fix-issue-job.schema.json
      coding-agent schema asyncapi > docs/asyncapi.yaml
    """
    from pipeline.job import AddressReviewJob, FixIssueJob
    from pipeline.outcome import Event

    if what == "asyncapi":
        import yaml

        document = _asyncapi(FixIssueJob, AddressReviewJob, Event)
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)
        click.echo(text, nl=False)
    else:
        models: dict[str, type[BaseModel]] = {
            "job": FixIssueJob,
            "review-job": AddressReviewJob,
            "event": Event,
        }
        click.echo(json.dumps(_json_schema(models[what]), indent=2))


def _json_schema(model: type[BaseModel]) -> dict[str, Any]:
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, **model.model_json_schema()}


def _asyncapi(
    job: type[BaseModel], review_job: type[BaseModel], event: type[BaseModel]
) -> dict[str, Any]:
    """Return an AsyncAPI 3.0 document
    (https://www.asyncapi.com/docs/reference/specification/v3.0.0).
    """
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
                "description": "the SQS queue; the envelopes of SNS and EventBridge are read",
                "messages": {
                    "job": {"$ref": "#/components/messages/job"},
                    "reviewJob": {"$ref": "#/components/messages/reviewJob"},
                },
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
                "job": _message(job),
                "reviewJob": _message(review_job),
                "event": {
                    "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
                    "headers": {"type": "object", "properties": _EVENT_ATTRIBUTES},
                },
            },
            "schemas": {
                **_component_schemas(job),
                **_component_schemas(review_job),
                **_component_schemas(event),
            },
        },
    }


def _message(model: type[BaseModel]) -> dict[str, Any]:
    return {"payload": {"$ref": f"#/components/schemas/{model.__name__}"}}


def _component_schemas(model: type[BaseModel]) -> dict[str, Any]:
    """Return the schemas of ``model`` and of the models that it contains, by name."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    parts: dict[str, Any] = schema.pop("$defs", {})
    return {**parts, model.__name__: schema}
