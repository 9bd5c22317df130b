"""Which values are secrets, and how they are removed from text."""

import os
import re
from collections.abc import Iterable

#: Minimum characters of a secret: redacting shorter values would affect ordinary words.
MIN_SECRET = 6
#: The last one has the headers with which an OTLP exporter identifies itself.
_SECRET_VARIABLE = re.compile(r"(KEYS?|TOKEN|SECRET|PASSWORD)(_ID)?$|^OTEL_\w+_HEADERS$")


def environment_secrets() -> dict[str, str]:
    """Return the environment variables that hold secrets, judging by their names."""
    return {name: value for name, value in os.environ.items() if _SECRET_VARIABLE.search(name)}


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
