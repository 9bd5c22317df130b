from pathlib import Path

import pytest
from pydantic import BaseModel

from prompts import bounded
from prompts.rendering import RenderError
from prompts.template_set import TemplateError, TemplateSet


def template(body: str, variables: str = "{}", *, name: str = "a", more: str = "") -> str:
    front = f"name: {name}\nversion: 1\ndescription: for a test\nreader: model\noutput: text\n"
    return f"---\n{front}tokens: {{total: 1000}}\nvariables: {variables}\n{more}---\n{body}"


def single(body: str, variables: str = "{}", *, bounded: bool = False) -> TemplateSet:
    return TemplateSet({"a.md.j2": template(body, variables)}, bounded=bounded)


def test_a_template_gets_its_declared_variables_and_no_others() -> None:
    assert single("{{ x }}", "{x: str}").render("a", x="1", y="2") == "1\n"
    with pytest.raises(TemplateError, match="line 10: UndefinedError: 'y' is undefined"):
        single("{{ x }}{{ y }}", "{x: str}").render("a", x="1", y="2")
    with pytest.raises(TemplateError, match="needs x"):
        single("{{ x }}", "{x: str}").render("a")
    assert single("{{ x }}", '{"x?": str}').render("a") == "None\n"


class Thing(BaseModel):
    items: tuple[str, ...] = ("i",)
    secret: str = "s"


def test_a_template_gets_declared_fields_as_plain_data() -> None:
    templates = single("{{ x.items | join }} {{ x }}", "{x: {items: [str]}}")
    assert (
        templates.render("a", x=Thing())
        == templates.render("a", x={"items": ["i"]})
        == "i {'items': ['i']}\n"
    )
    with pytest.raises(TemplateError, match="has no attribute 'secret'"):
        single("{{ x.secret }}", "{x: {items: [str]}}").render("a", x=Thing())


@pytest.mark.parametrize(
    ("shape", "value", "message"),
    [
        ("int", "1", "x: expected int, not str"),
        ("[str]", "text", "x: expected list, not str"),
        ("[str]", ["a", 1], r"x\[1\]: expected str, not int"),
        ("{a: {b: int}}", {"a": {}}, r"x\.a\.b is missing"),
        ("map", {"a": 1}, "x: expected map"),
        ("str", None, "x: expected str, not NoneType"),
    ],
)
def test_a_variable_of_the_wrong_type_is_refused_with_its_path(
    shape: str, value: object, message: str
) -> None:
    with pytest.raises(TemplateError, match=message):
        single("{{ x }}", f"{{x: {shape}}}").render("a", x=value)


def test_untrusted_values_are_never_templates() -> None:
    assert (
        single("{{ x }}", "{x: str}").render("a", x="{{ 7 * 7 }}{% include 'b' %}")
        == "{{ 7 * 7 }}{% include 'b' %}\n"
    )


@pytest.mark.parametrize(
    "body", ["{{ x.__class__.__mro__ }}", "{{ ''.__class__ }}", "{% set _ = x.append(1) %}"]
)
def test_templates_run_in_a_sandbox(body: str) -> None:
    with pytest.raises(TemplateError):
        single(body, "{x: [str]}").render("a", x=[])


def test_bounded_rendering_gives_the_same_text_and_the_same_errors() -> None:
    body = "{% for x in xs %}{{ x | code }} {% endfor %}\n{{ y.z }}"
    variables = {"xs": ["ü`", "\ud800"], "y": {"z": 1.5}}
    declared = "{xs: [str], y: {z: float}}"
    bounded_text = single(body, declared, bounded=True).render("a", **variables)
    assert bounded_text == single(body, declared).render("a", **variables)
    messages = []
    for is_bounded in (True, False):
        with pytest.raises(TemplateError) as caught:
            single(
                "\n{% for x in xs %}\n{{ x.gone }}{% endfor %}", "{xs: [str]}", bounded=is_bounded
            ).render("a", xs=["x"])
        messages.append(str(caught.value))
    assert messages[0] == messages[1] and messages[0].startswith(
        "template 'a', line 12: UndefinedError: "
    )


LOOP = "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}"
DOUBLED = (
    "{% set n = namespace(x='ab') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}"
)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (LOOP, "needs more than 1 s or 1024 MiB to render"),
        (DOUBLED, "MemoryError|needs more than"),
        ("{{ 'a' * 10 ** 10 }}", "MemoryError"),
        (
            "{% for i in range(100000) %}" + "x" * 30 + "{% endfor %}",
            "the text is longer than 2000000 characters",
        ),
        ("{{ range(10 ** 9) | list }}", "OverflowError: Range too big"),
    ],
)
def test_an_endless_template_is_stopped(body: str, message: str) -> None:
    with pytest.raises(RenderError, match=message):
        bounded.render({"a": body}, [("a", {})], seconds=1)


def test_bounded_rendering_sees_no_environment_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "s3cret-token")
    monkeypatch.setattr(
        bounded,
        "_PROGRAM",
        "import json, os; print(json.dumps({'texts': [str(dict(os.environ))]}))",
    )
    (text,) = bounded.render({"a": ""}, [("a", {})])
    assert "s3cret" not in text


def test_errors_name_the_template_and_the_line_of_the_file() -> None:
    with pytest.raises(TemplateError, match=r"template 'a', line 11: ") as caught:
        single("fine\n{% if %}\n").parse("a")
    assert (caught.value.name, caught.value.line) == ("a", 11)


def test_the_error_for_an_unknown_template_lists_the_known_ones() -> None:
    with pytest.raises(TemplateError, match="template 'b': no such template; there are a"):
        single("x").render("b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no front matter", "no front matter"),
        ("---\ndescription: [\n---\n", "not YAML"),
        ("---\nversion: 1\n---\n", "name: Field required"),
        (template("", more="vars: {}\n"), "vars: Extra inputs"),
        (template("", "[x, y]"), "write a type after each variable"),
        (template("", "{x: text}"), "'text' is not a type: write str, int"),
        (template("", "{x: &a [str], y: *a}"), "anchors are not allowed"),
        (template("", name="b"), "name: 'b' is not the file's"),
        (template("").replace("total", "Files"), "give at least a total"),
    ],
)
def test_wrong_front_matter_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        TemplateSet({"a.md.j2": text}).render("a")


def test_a_templates_hash_covers_what_it_includes_and_nothing_else() -> None:
    def with_files(part: str, other: str) -> TemplateSet:
        files = {"a": "{% include 'part.md.j2' %}", "part": part, "other": other}
        return TemplateSet(
            {f"{name}.md.j2": template(body, name=name) for name, body in files.items()}
        )

    first = with_files("1", "1")
    part_changed = with_files("2", "1")
    other_changed = with_files("1", "2")
    assert first.hash("a") != part_changed.hash("a")
    assert first.hash("a") == other_changed.hash("a")
    assert len({s.set_hash for s in (first, part_changed, other_changed)}) == 3
    assert first.set_hash == with_files("1", "1").set_hash
    assert part_changed.render("a") == "2\n"


def test_a_set_is_read_from_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.md.j2").write_text(template("hello"))
    (tmp_path / "notes.txt").write_text("no template")
    templates = TemplateSet.load(tmp_path)
    assert templates.names == ["a"]
    assert templates.render("a") == "hello\n"


def test_a_folder_without_templates_or_with_unreadable_ones_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="contains no"):
        TemplateSet.load(tmp_path)
    (tmp_path / "a.md.j2").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TemplateError, match="can't be read"):
        TemplateSet.load(tmp_path)
