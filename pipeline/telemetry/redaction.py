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
#: Its address, which may have a password or, in its query, a key: the exporter logs addresses.
_ENDPOINT_VARIABLE = re.compile(r"OTEL_EXPORTER_OTLP_(TRACES_)?ENDPOINT")
_CREDENTIALS = re.compile(r"\w+://(?P<user_and_password>[^/?#]*)@")


def environment_secrets() -> dict[str, str]:
    """Return the environment variables that hold secrets, judging by their names.

    Of several secrets in one variable, each is on a line.
    """
    secrets = {}
    for name, value in os.environ.items():
        if _SECRET_VARIABLE.search(name):
            secrets[name] = value
        elif _HEADERS_VARIABLE.fullmatch(name):
            secrets[name] = "\n".join(_values(value.split(",")))
        elif _ENDPOINT_VARIABLE.fullmatch(name):
            parts = _address_secrets(value)
            if parts:
                secrets[name] = "\n".join(parts)
    return secrets


def _values(pairs: Iterable[str]) -> list[str]:
    """Return the value of each ``name=value`` as it is written, as it is sent, and without a word
    such as Bearer. What has no name is a value.
    """
    values = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        written = value.strip() if equals else name.strip()
        sent = unquote(written)
        values += [written, sent, sent.rpartition(" ")[2]]
    return values


def _address_secrets(address: str) -> list[str]:
    """Return the password of an address, or a user without one, and the values in its query."""
    _, _, query = address.partition("?")
    secrets = _values(query.split("&"))
    credentials = _CREDENTIALS.match(address)
    if credentials is not None:
        written = credentials["user_and_password"].rpartition(":")[2]
        secrets += [written, unquote(written)]
    return [secret for secret in secrets if secret]


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
