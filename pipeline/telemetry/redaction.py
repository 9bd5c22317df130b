"""Which values are secrets, and how they are removed from text."""

import os
import re
from collections.abc import Iterable
from urllib.parse import unquote

#: Minimum characters of a secret: redacting shorter values would affect ordinary words.
MIN_SECRET = 6
_SECRET_VARIABLE = re.compile(r"(KEYS?|TOKEN|SECRET|PASSWORD)(_ID)?$")
#: The headers with which an OTLP exporter identifies itself: ``name=value,...``, URL-encoded
#: (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
_HEADERS_VARIABLE = re.compile(r"OTEL_EXPORTER_OTLP_(TRACES_)?HEADERS")


def environment_secrets() -> dict[str, str]:
    """Return the environment variables that hold secrets, judging by their names.

    Of several secrets in one variable, each is on a line.
    """
    secrets = {}
    for name, value in os.environ.items():
        if _SECRET_VARIABLE.search(name):
            secrets[name] = value
        elif _HEADERS_VARIABLE.fullmatch(name):
            secrets[name] = "\n".join(_header_values(value))
    return secrets


def _header_values(headers: str) -> list[str]:
    """Return each value as it is written, as it is sent, and without a word such as Bearer."""
    values = []
    for header in headers.split(","):
        written = header.partition("=")[2].strip()
        sent = unquote(written)
        values += [written, sent, sent.rpartition(" ")[2]]
    return values


class Redactor:
    """Replaces secrets in text. In a multi-line secret, each line is also a secret by itself."""

    def __init__(self, secrets: Iterable[str]):
        parts = set()
        for secret in secrets:
            parts.add(secret.strip())
            parts.update(line.strip() for line in secret.splitlines())
        parts = {part for part in parts if len(part) >= MIN_SECRET}
        self._parts = sorted(parts, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for part in self._parts:
            text = text.replace(part, "[redacted]")
        return text
