"""The style sheet and the script of pages, and the policy that allows them and nothing else."""

import base64
import hashlib
from functools import cache
from importlib.resources import files

STYLE = "style.css"


@cache
def read_asset(name: str) -> str:
    """Return a file of the folder ``static``."""
    return (files("console.html") / "static" / name).read_text(encoding="utf-8")


@cache
def policy(script: str = "") -> str:
    """Return the Content-Security-Policy of a page that contains the style sheet, and perhaps one
    script, and that loads nothing (https://www.w3.org/TR/CSP3/#grammardef-hash-source).

    Args:
        script: the script's file; empty for none.
    """
    parts = [
        "default-src 'none'",
        f"style-src '{_hash(STYLE)}'",
        f"script-src '{_hash(script)}'" if script else "script-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join(parts)


def _hash(name: str) -> str:
    digest = hashlib.sha256(read_asset(name).encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
