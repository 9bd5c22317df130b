"""Writes the tables of variables and outputs into terraform/README.md; --check only says whether
they are true.
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


def blocks(name: str, kind: str) -> list[tuple[str, dict[str, Any]]]:
    options = SerializationOptions(with_comments=False, explicit_blocks=False)
    found = hcl2.loads((TERRAFORM / name).read_text(), serialization_options=options)[kind]
    return [(label.strip('"'), body) for one in found for label, body in one.items()]


def text(value: Any) -> str:
    """A value as it is written in HCL, within a table's cell."""
    match value:
        case None:
            shown = "null"
        case bool():
            shown = str(value).lower()
        case list():
            shown = f"[{', '.join(map(text, value))}]"
        case dict():
            shown = "{}" if not value else "{ ... }"
        case _:
            shown = (
                str(value).removeprefix("${").removesuffix("}")
                if str(value).startswith("${")
                else str(value)
            )
    return shown.replace("|", "\\|")


def said(body: dict[str, Any]) -> str:
    return str(body["description"]).strip('"').replace('\\"', '"').replace("|", "\\|")


def tables() -> str:
    lines = ["| variable | type | default | |", "|---|---|---|---|"]
    for name, body in blocks("variables.tf", "variable"):
        default = f"`{text(body['default'])}`" if "default" in body else "**to be chosen**"
        lines.append(f"| `{name}` | `{text(body['type'])}` | {default} | {said(body)} |")
    lines += ["", "| output | |", "|---|---|"]
    lines += [f"| `{name}` | {said(body)} |" for name, body in blocks("outputs.tf", "output")]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> None:
    before, _, rest = README.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        sys.exit(f"{README}: the marks {BEGIN.strip()} and {END.strip()} are missing")
    made = before + BEGIN + tables() + END + after
    if arguments == ["--check"] and made != README.read_text():
        sys.exit(f"{README}: its tables are old; python tools/terraform_docs.py writes them")
    if not arguments:
        README.write_text(made)


if __name__ == "__main__":
    main(sys.argv[1:])
