"""Each GraphQL document that we send is one that GitHub understands."""

import ast
import re
from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

import pipeline.github
from tools.github_api import FOLDER, GRAPHQL

_SCHEMA = FOLDER / GRAPHQL.file_name
_DOCUMENT = re.compile(r"\s*(?:query|mutation)\b[^{]*\{")
_CODE = Path(pipeline.github.__file__).parent


def documents(folder: Path) -> dict[str, str]:
    """Return the GraphQL documents among the constants of a package, by module and line."""
    texts: dict[str, str] = {}
    for file in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            value = node.value if isinstance(node, ast.Constant) else None
            if isinstance(value, str) and _DOCUMENT.match(value):
                texts[f"{file.name}:{node.lineno}"] = value
    return texts


@pytest.mark.skipif(not _SCHEMA.exists(), reason="GitHub's schema is not there: make setup, npm")
def test_every_document_is_valid_against_githubs_public_schema() -> None:
    schema = build_schema(_SCHEMA.read_text(), assume_valid=True)
    texts = documents(_CODE)
    assert any("lastEditedAt" in text for text in texts.values())
    for place, text in texts.items():
        assert validate(schema, parse(text)) == [], place
