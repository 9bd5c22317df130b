"""GitHub's published description of its REST API and its webhooks, and what contradicts it.

``make setup`` fetches it (``tools/github_api.py``).
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from openapi_schema_validator import OAS30ReadValidator, OAS30WriteValidator
from referencing import Registry
from referencing.jsonschema import DRAFT4

from tools.github_api import FOLDER, OPENAPI

Json = dict[str, Any]

MISSING = "GitHub's API description is not there: install npm, then run make setup"
_URN = "urn:github-api"
_JSON = "application/json"
_ERROR = "/components/schemas/basic-error"
"""What GitHub's errors and redirects look like where an operation does not describe them."""
_BODILESS = (204, 205, 304)
_UNDESCRIBED = (301, 302, 304, 307)
"""Any request may be redirected, and any that reads may be conditional
(https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api)."""
_BY_ID = re.compile(r"^/repositories/\d+(?=/|$)")
"""GitHub's pages and redirects name a repository by its id."""
_MULTI_SEGMENT = {"{path}", "{ref}"}
"""Last parameters of paths that may contain slashes, such as heads/a/b."""


@dataclass(frozen=True)
class Operation:
    """One method of one path, and where the description has it."""

    method: str
    segments: tuple[str, ...]
    """Of the path; a parameter is in braces."""
    pointer: str
    fields: Json

    @property
    def literals(self) -> int:
        """How many segments are no parameters: of several matches, the most specific applies."""
        return sum(not segment.startswith("{") for segment in self.segments)

    def matches(self, method: str, path: str) -> bool:
        segments = path.split("/")
        if self.segments[-1] in _MULTI_SEGMENT:
            segments = segments[: len(self.segments)]
        if method != self.method or len(segments) != len(self.segments):
            return False
        for expected, segment in zip(self.segments, segments, strict=True):
            if not expected.startswith("{") and expected != segment:
                return False
        return True


class Description:
    """The description, with one validator a schema."""

    def __init__(self, document: Json):
        _admit_null(document)
        self._document = document
        resource = DRAFT4.create_resource(document)
        self._registry: Registry[Any] = Registry().with_resource(_URN, resource)
        self._operations = list(self._read_operations())

    def find_operation(self, method: str, path: str) -> Operation | None:
        """Return the operation that GitHub would execute, for an encoded path below the API's
        address; None if GitHub has none.
        """
        path = _BY_ID.sub("/repos/owner/repo", path)
        matches = [each for each in self._operations if each.matches(method, path)]
        return max(matches, key=lambda match: match.literals, default=None)

    def request_errors(self, operation: Operation, query: str, body: bytes) -> list[str]:
        """Return what GitHub would not accept in a request, or would silently ignore."""
        errors = self._query_errors(operation, query)
        described = self._resolve(operation.fields.get("requestBody", {}))
        if not body:
            required = described.get("required", False)
            return [*errors, "the body is missing"] if required else errors
        schema = described.get("content", {}).get(_JSON, {}).get("schema")
        if schema is None:
            return [*errors, "the operation takes no JSON body"]
        pointer = f"{operation.pointer}/requestBody/content/{_escape(_JSON)}/schema"
        value = json.loads(body)
        errors += self._errors(OAS30WriteValidator, pointer, value)
        return errors + self._unknown_fields(schema, value)

    def response_errors(self, operation: Operation, status: int, body: bytes) -> list[str]:
        """Return in what a response differs from GitHub's."""
        described = operation.fields["responses"].get(str(status))
        if described is None and not _may_come_from_any_operation(status):
            return [f"the operation never answers with the status {status}"]
        is_json = described is not None and _JSON in self._resolve(described).get("content", {})
        if not is_json and status in _BODILESS:
            return ["the response has no body"] if body else []
        if described is None or not is_json:
            return self._errors(OAS30ReadValidator, _ERROR, json.loads(body))
        pointer = f"{operation.pointer}/responses/{status}"
        if "$ref" in described:
            pointer = described["$ref"].removeprefix("#")
        pointer = f"{pointer}/content/{_escape(_JSON)}/schema"
        return self._errors(OAS30ReadValidator, pointer, json.loads(body))

    def webhook_errors(self, event: str, payload: Mapping[str, Any]) -> list[str]:
        """Return in what a webhook's payload differs from GitHub's.

        Args:
            event: the header ``X-GitHub-Event``.
        """
        name = event if "action" not in payload else f"{event}-{payload['action']}"
        name = name.replace("_", "-")
        if name not in self._document["x-webhooks"]:
            return [f"GitHub has no webhook {name}"]
        pointer = f"/x-webhooks/{name}/post/requestBody/content/{_escape(_JSON)}/schema"
        return self._errors(OAS30ReadValidator, pointer, payload)

    def _read_operations(self) -> Iterator[Operation]:
        for path, methods in self._document["paths"].items():
            for method, fields in methods.items():
                yield Operation(
                    method=method.upper(),
                    segments=tuple(path.split("/")),
                    pointer=f"/paths/{_escape(path)}/{method}",
                    fields=fields,
                )

    def _query_errors(self, operation: Operation, query: str) -> list[str]:
        known: dict[str, Json] = {}
        for reference in operation.fields.get("parameters", ()):
            parameter = self._resolve(reference)
            if parameter["in"] == "query":
                known[parameter["name"]] = parameter["schema"]
        errors = []
        for name, text in parse_qsl(query, keep_blank_values=True):
            if name not in known:
                errors.append(f"the operation has no query parameter {name}")
                continue
            validator = OAS30WriteValidator(known[name], registry=self._registry)
            value = _read_query_value(known[name], text)
            for error in validator.iter_errors(value):
                errors.append(f"the query parameter {name}: {error.message}")
        return errors

    def _unknown_fields(self, schema: Json, value: object) -> list[str]:
        """Return the fields of a body that GitHub would ignore, where the schema is a plain one."""
        fields = self._resolve(schema).get("properties")
        if fields is None or not isinstance(value, dict):
            return []
        return [f"the body's field {name} is unknown" for name in value if name not in fields]

    def _errors(self, kind: Any, pointer: str, value: object) -> list[str]:
        validator = kind({"$ref": f"{_URN}#{pointer}"}, registry=self._registry)
        errors = []
        for error in validator.iter_errors(value):
            place = "/".join(str(part) for part in error.absolute_path)
            errors.append(f"{place}: {error.message[:200]}")
        return errors

    def _resolve(self, value: Json) -> Json:
        """Return what a reference within the description refers to."""
        if "$ref" not in value:
            return value
        target: Any = self._document
        for part in value["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        resolved: Json = target
        return resolved


def _may_come_from_any_operation(status: int) -> bool:
    return status in _UNDESCRIBED or status >= 400


def _admit_null(value: object) -> None:
    """Add null to the values of each nullable enumeration, where GitHub's description forgets it
    (https://github.com/OAI/OpenAPI-Specification/blob/main/proposals/2019-10-31-Clarify-Nullable.md).
    """
    if isinstance(value, list):
        for item in value:
            _admit_null(item)
    if not isinstance(value, dict):
        return
    values = value.get("enum")
    if value.get("nullable") is True and isinstance(values, list) and None not in values:
        values.append(None)
    for item in value.values():
        _admit_null(item)


def _escape(part: str) -> str:
    """Escape a part of a JSON pointer (RFC 6901)."""
    return part.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


def _read_query_value(schema: Json, text: str) -> object:
    """Return a query parameter's text as a value of the type that the schema asks for."""
    if schema.get("type") == "integer" and text.lstrip("-").isdigit():
        return int(text)
    if schema.get("type") == "boolean" and text in ("true", "false"):
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
    errors = [] if description is None else description.webhook_errors(event, payload)
    if errors:
        raise AssertionError(f"the webhook {event} differs from GitHub's:\n" + "\n".join(errors))
