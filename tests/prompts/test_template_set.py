from pathlib import Path

import pytest

from prompts import TemplateError, TemplateSet, lint
from prompts.template_set import SHIPPED


def template(body: str, variables: str = "[]") -> str:
    return f"---\ndescription: for a test\nvariables: {variables}\n---\n{body}"


def one(body: str, variables: str = "[]") -> TemplateSet:
    return TemplateSet({"a.md.j2": template(body, variables)})


def test_the_shipped_templates_have_no_findings() -> None:
    assert lint(TemplateSet.load()) == []


def test_a_template_gets_the_variables_it_declares_and_no_others() -> None:
    assert one("{{ x }}", "[x]").render("a", x="1", y="2") == "1\n"
    with pytest.raises(TemplateError, match="'y' is undefined"):
        one("{{ x }}{{ y }}", "[x]").render("a", x="1", y="2")
    with pytest.raises(TemplateError, match="needs x"):
        one("{{ x }}", "[x]").render("a")


def test_untrusted_values_are_never_templates() -> None:
    assert one("{{ x }}", "[x]").render("a", x="{{ 7 * 7 }}{% include 'b' %}") == "{{ 7 * 7 }}{% include 'b' %}\n"


@pytest.mark.parametrize("body", ["{{ x.__class__.__mro__ }}", "{{ ''.__class__ }}", "{% set _ = x.append(1) %}"])
def test_templates_run_in_a_sandbox(body: str) -> None:
    with pytest.raises(TemplateError):
        one(body, "[x]").render("a", x=[])


def test_errors_name_the_template_and_the_line_of_the_file() -> None:
    with pytest.raises(TemplateError, match=r"template 'a', line 6: ") as caught:
        one("fine\n{% if %}\n").parse("a")
    assert (caught.value.name, caught.value.line) == ("a", 6)


def test_an_unknown_template_is_told_with_those_there_are() -> None:
    with pytest.raises(TemplateError, match="template 'b': there is none; there are a"):
        one("x").render("b")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no front matter", "no front matter"),
        ("---\ndescription: [\n---\n", "not YAML"),
        ("---\nvariables: []\n---\n", "description: Field required"),
        ("---\ndescription: x\nvars: []\n---\n", "vars: Extra inputs"),
    ],
)
def test_wrong_front_matter_is_told_plainly(text: str, says: str) -> None:
    with pytest.raises(TemplateError, match=says):
        TemplateSet({"a.md.j2": text}).render("a")


def test_a_templates_hash_covers_what_it_includes_and_nothing_else() -> None:
    def made(part: str, other: str) -> TemplateSet:
        files = {"a": "{% include 'part.md.j2' %}", "part": part, "other": other}
        return TemplateSet({f"{name}.md.j2": template(body) for name, body in files.items()})

    first, part_changed, other_changed = made("1", "1"), made("2", "1"), made("1", "2")
    assert first.hash("a") != part_changed.hash("a")
    assert first.hash("a") == other_changed.hash("a")
    assert len({s.set_hash for s in (first, part_changed, other_changed)}) == 3
    assert first.set_hash == made("1", "1").set_hash
    assert part_changed.render("a") == "2\n"


def test_a_set_is_read_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.md.j2").write_text(template("hello"))
    (tmp_path / "notes.txt").write_text("no template")
    templates = TemplateSet.load(tmp_path)
    assert templates.names == ["a"]
    assert templates.render("a") == "hello\n"


def test_a_folder_without_templates_or_with_unreadable_ones_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="holds no"):
        TemplateSet.load(tmp_path)
    (tmp_path / "a.md.j2").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TemplateError, match="can't be read"):
        TemplateSet.load(tmp_path)


def findings(**changed: str) -> list[str]:
    shipped = TemplateSet.load()
    files = {f"{name}.md.j2": (SHIPPED / f"{name}.md.j2").read_text() for name in shipped.names}
    files |= {f"{name}.md.j2": text for name, text in changed.items()}
    return [str(finding) for finding in lint(TemplateSet({k: v for k, v in files.items() if v}))]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (template("{{ title }}{{ titel }}", "[title]"), "pull_request_title: 'titel' is used but not declared"),
        (template("x", "[title]"), "pull_request_title: 'title' is declared but not used"),
        (template("{{ feedback }}", "[feedback]"), "pull_request_title: 'feedback': the pipeline gives it no such"),
        (template("a\n{{ x | nofilter }}", "[x]"), "pull_request_title:6: No filter named 'nofilter'"),
        (template("{% include 'gone.md.j2' %}"), "gone: there is none"),
        (template("{% include title %}", "[title]"), "pull_request_title: a template is included by a computed"),
        ("", "pull_request_title: missing"),
    ],
)
def test_lint_finds(text: str, says: str) -> None:
    found = findings(pull_request_title=text)
    assert any(finding.startswith(says) for finding in found), found


def test_a_variable_of_an_included_template_counts_as_used() -> None:
    part = template("{% for x in range(2) %}{{ issue_url }}{% endfor %}", "[issue_url]")
    assert findings(part=part, pull_request_title=template("{% include 'part.md.j2' %}", "[issue_url]")) == []
