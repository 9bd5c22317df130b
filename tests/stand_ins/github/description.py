"""GitHub's published description of its REST API and its webhooks, and what contradicts it.

``make setup`` fetches it (``tools/github_api.py``).
"""

import functools
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from tests.stand_ins.github.openapi import Json, OpenApiDocument, escape, schema_at
from tests.stand_ins.github.operations import Operation, find_operation, read_operations
from tools.github_api import FOLDER, OPENAPI

MISSING = "GitHub's API description is not there: install npm, then run make setup"
_JSON = "application/json"
_JSON_SCHEMA = f"content/{escape(_JSON)}/schema"
_ERROR = "/components/schemas/basic-error"
"""What GitHub's errors and redirects look like where an operation does not describe them."""
_BODILESS = (204, 205, 304)
_UNDESCRIBED = (301, 302, 304, 307)
"""Any request may be redirected, and any that reads may be conditional
(https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api)."""


class Description:
    def __init__(self, content: Json):
        self._document = OpenApiDocument(content)
        self._operations = list(read_operations(content["paths"]))

    def find_operation(self, method: str, path: str) -> Operation | None:
        """Return the operation that GitHub would execute; None if it has none."""
        return find_operation(self._operations, method, path)

    def request_errors(self, operation: Operation, query: str, body: bytes) -> list[str]:
        """Return what GitHub would not accept in a request, or would silently ignore."""
        errors = self._query_errors(operation, query)
        if body:
            return errors + self._body_errors(operation, json.loads(body))
        described = self._document.resolve(operation.fields.get("requestBody", {}))
        if described.get("required", False):
            errors.append("the body is missing")
        return errors

    def response_errors(self, operation: Operation, status: int, body: bytes) -> list[str]:
        """Return in what a response differs from GitHub's."""
        described = operation.fields["responses"].get(str(status))
        if described is None and not _may_come_from_any_operation(status):
            return [f"the operation never answers with the status {status}"]
        pointer = f"{operation.pointer}/responses/{status}"
        if described is not None and "$ref" in described:
            pointer = described["$ref"].removeprefix("#")
        content = self._document.resolve(described or {}).get("content", {})
        if _JSON in content:
            schema = schema_at(f"{pointer}/{_JSON_SCHEMA}")
        elif status in _BODILESS:
            return ["the response has no body"] if body else []
        else:
            schema = schema_at(_ERROR)
        return self._document.received_errors(schema, json.loads(body))

    def webhook_errors(self, event: str, payload: Mapping[str, Any]) -> list[str]:
        """Return in what a webhook's payload differs from GitHub's.

        Args:
            event: the header ``X-GitHub-Event``.
        """
        name = event if "action" not in payload else f"{event}-{payload['action']}"
        name = name.replace("_", "-")
        if name not in self._document.content["x-webhooks"]:
            return [f"GitHub has no webhook {name}"]
        schema = schema_at(f"/x-webhooks/{name}/post/requestBody/{_JSON_SCHEMA}")
        return self._document.received_errors(schema, payload)

    def _query_errors(self, operation: Operation, query: str) -> list[str]:
        schemas = self._query_schemas(operation)
        errors: list[str] = []
        for name, text in parse_qsl(query, keep_blank_values=True):
            schema = schemas.get(name)
            if schema is None:
                errors.append(f"the operation has no query parameter {name}")
                continue
            value = _read_query_value(schema, text)
            for error in self._document.sent_errors(schema, value):
                errors.append(f"the query parameter {name}{error}")
        return errors

    def _query_schemas(self, operation: Operation) -> dict[str, Json]:
        schemas: dict[str, Json] = {}
        for reference in operation.fields.get("parameters", ()):
            parameter = self._document.resolve(reference)
            if parameter["in"] == "query":
                schemas[parameter["name"]] = parameter["schema"]
        return schemas

    def _body_errors(self, operation: Operation, value: object) -> list[str]:
        described = self._document.resolve(operation.fields.get("requestBody", {}))
        content = described.get("content", {}).get(_JSON)
        if content is None:
            return ["the operation takes no JSON body"]
        schema = schema_at(f"{operation.pointer}/requestBody/{_JSON_SCHEMA}")
        errors = self._document.sent_errors(schema, value)
        return errors + self._ignored_fields(content["schema"], value)

    def _ignored_fields(self, schema: Json, value: object) -> list[str]:
        """Return the fields of a body that GitHub would ignore, where the schema is a plain one."""
        fields = self._document.resolve(schema).get("properties")
        if fields is None or not isinstance(value, dict):
            return []
        return [f"the body's field {name} is unknown" for name in value if name not in fields]


def _may_come_from_any_operation(status: int) -> bool:
    return status in _UNDESCRIBED or status >= 400


def _read_query_value(schema: Json, text: str) -> object:
    """Return a query parameter's text as a value of the type that the schema asks for."""
    kind = schema.get("type")
    if kind == "integer" and text.lstrip("-").isdigit():
        return int(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


@functools.cache
def github_description() -> Description | None:
    """Return the description; None if set-up could not fetch it."""
    file = FOLDER / OPENAPI.file_name
    if not file.exists():
        return None
    return Description(json.loads(file.read_bytes()))


def validate_webhook(event: str, payload: Mapping[str, Any]) -> None:
    """Raise AssertionError if a webhook's payload differs from GitHub's description of it.

    Args:
        event: the header ``X-GitHub-Event``, such as ``issue_comment``.
    """
    description = github_description()
    if description is None:
        return
    errors = description.webhook_errors(event, payload)
    if errors:
        raise AssertionError(f"the webhook {event} differs from GitHub's:\n" + "\n".join(errors))
