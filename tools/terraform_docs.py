"""Write the tables of variables and outputs into terraform/README.md. With --check, write nothing,
and fail if they are out of date.
"""

import sys
from pathlib import Path
from typing import Any

import hcl2
from hcl2.utils import SerializationOptions

TERRAFORM = Path(__file__).parents[1] / "terraform"
README = TERRAFORM / "README.md"
BEGIN = "<!-- begin: made by tools/terraform_docs.py -->\n"
END = "<!-- end -->\n"


def main(arguments: list[str]) -> None:
    current = README.read_text()
    before, _, rest = current.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        sys.exit(f"{README}: the marks {BEGIN.strip()} and {END.strip()} are missing")
    updated = "".join([before, BEGIN, tables(), END, after])
    if arguments == ["--check"]:
        if updated != current:
            sys.exit(f"{README}: its tables are out of date; run python tools/terraform_docs.py")
    else:
        README.write_text(updated)


def tables() -> str:
    lines = ["| variable | type | default | |", "|---|---|---|---|"]
    for name, body in blocks("variables.tf", "variable"):
        lines.append(variable_row(name, body))
    lines += ["", "| output | |", "|---|---|"]
    for name, body in blocks("outputs.tf", "output"):
        lines.append(f"| `{name}` | {description(body)} |")
    return "\n".join(lines) + "\n"


def variable_row(name: str, body: dict[str, Any]) -> str:
    kind = cell(body["type"])
    default = "**to be chosen**"
    if "default" in body:
        default = f"`{cell(body['default'])}`"
    return f"| `{name}` | `{kind}` | {default} | {description(body)} |"


def blocks(file: str, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the name and the body of each block of one kind."""
    options = SerializationOptions(with_comments=False, explicit_blocks=False)
    parsed = hcl2.loads((TERRAFORM / file).read_text(), serialization_options=options)
    named_bodies = []
    for block in parsed[kind]:
        for label, body in block.items():
            named_bodies.append((label.strip('"'), body))
    return named_bodies


def cell(value: Any) -> str:
    """Return a value in HCL syntax, for a cell of a Markdown table."""
    return _hcl(value).replace("|", "\\|")


def description(body: dict[str, Any]) -> str:
    text = str(body["description"]).strip('"').replace('\\"', '"')
    return text.replace("|", "\\|")


def _hcl(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        items = ", ".join(cell(item) for item in value)
        return f"[{items}]"
    if isinstance(value, dict):
        return "{ ... }" if value else "{}"
    text = str(value)
    if text.startswith("${"):
        return text.removeprefix("${").removesuffix("}")
    return text


if __name__ == "__main__":
    main(sys.argv[1:])
