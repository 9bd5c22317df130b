"""An OpenAPI document: its references, and values held against its schemas."""

from typing import Any

from openapi_schema_validator import OAS30ReadValidator, OAS30WriteValidator
from referencing import Registry
from referencing.jsonschema import DRAFT4

Json = dict[str, Any]

_URN = "urn:github-api"
_MAX_MESSAGE = 200


class OpenApiDocument:
    def __init__(self, content: Json):
        _admit_null(content)
        self.content = content
        resource = DRAFT4.create_resource(content)
        self._registry: Registry[Any] = Registry().with_resource(_URN, resource)

    def resolve(self, value: Json) -> Json:
        """Return what a reference within the document refers to; what is none is returned as is."""
        if "$ref" not in value:
            return value
        target: Any = self.content
        for part in value["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        resolved: Json = target
        return resolved

    def sent_errors(self, schema: Json, value: object) -> list[str]:
        """Return in what a value that we send differs from a schema."""
        return _describe(OAS30WriteValidator(schema, registry=self._registry), value)

    def received_errors(self, schema: Json, value: object) -> list[str]:
        """Return in what a value that GitHub sends differs from a schema."""
        return _describe(OAS30ReadValidator(schema, registry=self._registry), value)


def schema_at(pointer: str) -> Json:
    """Return a schema that refers to the one at a JSON pointer in the document."""
    return {"$ref": f"{_URN}#{pointer}"}


def escape(part: str) -> str:
    """Escape a part of a JSON pointer (RFC 6901) in a URI."""
    escaped = part.replace("~", "~0").replace("/", "~1")
    return escaped.replace("{", "%7B").replace("}", "%7D")


def _describe(validator: Any, value: object) -> list[str]:
    errors: list[str] = []
    for error in validator.iter_errors(value):
        place = "/".join(str(part) for part in error.absolute_path)
        errors.append(f"{place}: {error.message[:_MAX_MESSAGE]}")
    return errors


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
    is_nullable = value.get("nullable") is True
    if is_nullable and isinstance(values, list) and None not in values:
        values.append(None)
    for item in value.values():
        _admit_null(item)
