import re

import pytest

from prompts.lint import lint
from prompts.template_set import TemplateSet
from tests.prompts.test_template_set import template

SHIPPED = TemplateSet.load()


def findings(**changed: str | None) -> list[str]:
    """Return the findings of the shipped set with templates changed, or removed (None)."""
    files = SHIPPED.files | {
        f"{name}.md.j2": text for name, text in changed.items() if text is not None
    }
    for name in (name for name, text in changed.items() if text is None):
        del files[f"{name}.md.j2"]
    return [str(finding) for finding in lint(TemplateSet(files))]


def title(body: str, variables: str = "{}") -> str:
    return template(body, variables, name="pull_request_title")


def shipped(name: str, *replacements: tuple[str, str]) -> str:
    text = SHIPPED.files[f"{name}.md.j2"]
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def added(words: str) -> list[str]:
    """Return the findings of the shipped ``propose`` with ``words`` added, without their places.

    It takes ``feedback`` for text that is not framed yet, as a set may.
    """
    changed = shipped(
        "propose",
        ("feedback?: framed str", "feedback?: untrusted str"),
        ("{{ feedback }}", "{{ feedback | fenced }}"),
        ("# Task\n", f"# Task\n{words}\n"),
    )
    results = findings(propose=changed)
    return [re.sub(r"^propose(:\d+)?: ", "", finding) for finding in results]


def test_the_shipped_templates_have_no_findings() -> None:
    assert lint(SHIPPED) == []


TITLE = "{title: untrusted str}"


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (
            title("{{ title | code }}{{ titel }}", TITLE),
            "pull_request_title:10: 'titel' is used but not declared",
        ),
        (title("x", TITLE), "pull_request_title: 'title' is declared but not used"),
        (
            title("{{ feedback }}", "{feedback: str}"),
            "pull_request_title: 'feedback': the pipeline provides no such",
        ),
        (
            title("{{ title }}", "{title: str}"),
            "pull_request_title: 'title' must be marked untrusted",
        ),
        (
            title("{{ title }}", "{title: int}"),
            "pull_request_title: 'title' is int, but the pipeline provides str",
        ),
        (
            title("a\n{{ x | nofilter }}", "{x: str}"),
            "pull_request_title:11: No filter named 'nofilter'",
        ),
        (title("{% include 'gone.md.j2' %}"), "gone: no such template"),
        (
            title("{% include title %}", TITLE),
            "pull_request_title: a template is included by a computed",
        ),
        (
            title("{% import 'edit_format.md.j2' as x %}"),
            "pull_request_title:10: import is not part of the template language",
        ),
        (title("{{ 1" + "+1" * 5000 + " }}"), "pull_request_title: nested too deeply"),
        (title("{{ 1 // 0 }}"), "pull_request_title:10: ZeroDivisionError"),
        (None, "pull_request_title: missing"),
    ],
)
def test_lint_finds(text: str | None, finding: str) -> None:
    results = findings(pull_request_title=text)
    assert any(result.startswith(finding) for result in results), results


@pytest.mark.parametrize(
    "text",
    [
        template("x", name="propose").replace("description:", "description: 2024-13-45 #", 1),
        template("{{ " + " ~ ".join(["'a'"] * 3000) + " }}", name="propose"),
    ],
)
def test_a_template_that_yaml_or_the_walk_cannot_handle_is_a_finding(text: str) -> None:
    assert any(finding.startswith("propose") for finding in findings(propose=text))


def test_a_variable_of_an_included_template_counts_as_used() -> None:
    part = template("{% if page_url %}{{ page_url }}{% endif %}", '{"page_url?": str}', name="part")
    assert (
        findings(
            part=part, pull_request_title=title("{% include 'part.md.j2' %}", '{"page_url?": str}')
        )
        == []
    )


UNFRAMED = "is untrusted text outside a frame: end with | fenced, | code or | quoted"


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("{{ issue.body }}", "'issue.body'"),
        ("{{ issue['body'] | upper }}", "'issue[]'"),
        ("{{ issue.title | inert }}", "'issue.title'"),
        ("{{ issue }}", "'issue'"),
        (
            "{% for file in files %}{{ file.path | code }}{{ file.content }}{% endfor %}",
            "'file.content'",
        ),
        ("{% for comment in issue.comments[1:] %}{{ comment.body }}{% endfor %}", "'comment.body'"),
        ("{% for test in suite.base.failures %}{{ test }}{% endfor %}", "'test'"),
        (
            "{% for test in suite.base.failures %}"
            "{{ suite.base.failures[test] | trim }}{% endfor %}",
            "'suite.base.failures[]'",
        ),
        ("{{ listing | join(', ') }}", "'listing'"),
        ("{{ files | map(attribute='path') | first }}", "'files'"),
        ("{{ ['a', listing[0]] | join }}", "this"),
        ("{{ '%s' | format(feedback) }}", "this"),
        ("{{ '%s' | format(feedback | fenced) | clip(9) }}", "this"),
        ("{{ 'x: ' ~ feedback }}", "this"),
        ("{{ feedback or 'nothing' }}", "this"),
        ("{{ feedback if feedback }}", "this"),
        ("{{ suite.runner | default(feedback) }}", "'suite.runner'"),
        ("{{ feedback | fenced | clip(100) }}", "'feedback'"),
        ("{{ (feedback | fenced)[:100] }}", "'feedback[]'"),
        ("{{ feedback | code | sort | join }}", "'feedback'"),
        ("{{ feedback | fenced | replace('`', '') }}", "'feedback'"),
        ("{{ 'x' | replace('x', feedback) }}", "this"),
        ("{{ listing | map('replace', 'a', 'b') | join }}", "'listing'"),
        ("{% for part in feedback | fenced %}{{ part if loop.index > 3 }}{% endfor %}", "this"),
        ("{% if feedback %}{% else %}{{ issue.author }}{% endif %}", "'issue.author'"),
        ("{% if issue.number %}{% elif feedback %}{{ feedback }}{% endif %}", "'feedback'"),
        ("{{ ('x ' ~ (feedback | fenced)) | clip(100) }}", "this"),
    ],
)
def test_untrusted_text_outside_a_frame_is_found(words: str, what: str) -> None:
    assert added(words) == [f"{what} {UNFRAMED}"]


@pytest.mark.parametrize(
    "words",
    [
        "{{ issue.number }} {{ suite.runner }} {{ listing | length }} {{ (files | first).whole }}",
        "{{ issue.body | clip(100) | fenced }}{{ issue.title | one_line | quoted }}",
        "{{ files | map(attribute='path') | map('code') | join(', ') }}",
        "{% for file in files | sort(attribute='path') %}"
        "{{ loop.index }} {{ file.path | code }}{% endfor %}",
        "{{ (feedback or '') | clip(9) | fenced }}",
        "{{ 'none' if not feedback else 'some' }}{% if issue.body == 'x' %}y{% endif %}",
        "{% for test in suite.base.failures if test %}{{ test | code }}{% endfor %}",
        "{{ [issue.title | fenced, issue.title | code] | join(' ') }}",
        "{{ 'x ' ~ (issue.title | fenced) }}",
        "{{ issue.title | fenced | trim }}",
    ],
)
def test_untrusted_text_in_a_frame_is_not_a_finding(words: str) -> None:
    assert added(words) == []


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("{% set s = feedback %}", "assign"),
        ("{% set s %}{{ feedback | fenced }}{% endset %}", "assignblock"),
        ("{% filter upper %}{{ feedback | fenced }}{% endfilter %}", "filterblock"),
        ("{% with s = feedback %}{% endwith %}", "with"),
        ("{% macro show(x) %}{{ x }}{% endmacro %}", "macro"),
        ("{% for test, why in suite.base.failures %}{% endfor %}", "for"),
        ("{% import 'edit_format.md.j2' as x %}", "import"),
        ("{{ feedback.strip() }}", "a call"),
        ("{% for x in range(2) %}{% endfor %}", "a call"),
        ("{{ files | groupby('path') | length }}", "the filter 'groupby'"),
        ("{{ listing | map('urlize') | join }}", "the filter 'urlize'"),
    ],
)
def test_constructs_outside_the_template_language_are_refused(words: str, what: str) -> None:
    assert added(words) == [f"{what} is not part of the template language"]


def test_text_for_github_must_be_inert_and_not_edited_afterwards() -> None:
    def with_title(expression: str) -> list[str]:
        return findings(
            pull_request_title=shipped(
                "pull_request_title", ("title | one_line | truncate(100) | inert", expression)
            )
        )

    assert with_title("title | clip(9) | inert | one_line") == []
    bare_texts = (
        "title",
        "title | code",
        "title | fenced",
        "title | inert | replace('x', '@')",
        "title | inert | wordwrap(72)",
        "title | inert | clip(9)",
    )
    for bare in bare_texts:
        (finding,) = with_title(bare)
        assert finding.endswith("'title' is untrusted text outside a frame: add | inert")


def test_an_undeclared_field_is_found() -> None:
    assert added("{{ issue.titel | code }}") == ["'issue.titel' is used but not declared"]
    assert added("{% for file in files %}{{ file.pth | code }}{% endfor %}") == [
        "'file.pth' is used but not declared"
    ]
    more = shipped(
        "propose",
        ("number?: int", "number?: int\n    url: str"),
        ("# Task\n", "# Task\n{{ issue.url }}\n"),
    )
    assert findings(propose=more) == ["propose: 'issue.url': the pipeline provides no such field"]


def test_a_template_over_its_token_budget_is_found() -> None:
    assert added("word " * 20_000)[0].startswith("about 1")
    large = findings(known=shipped("known", ("clip(24000) | fenced", "fenced")))
    assert any(
        "tokens in the section 'Issue' with the case 'large'; at most 36000" in finding
        for finding in large
    )


@pytest.mark.parametrize(
    ("output", "is_found"),
    [
        ("{{ feedback }}", False),
        ("{{ feedback | trim }}", False),
        ("{{ feedback | fenced }}", False),
        ("{{ feedback | clip(100) }}", True),
        ("{{ feedback[:100] }}", True),
    ],
)
def test_text_that_is_framed_already_may_be_put_out_but_not_cut(
    output: str, is_found: bool
) -> None:
    changed = shipped("propose", ("{{ feedback }}", output))
    assert any(UNFRAMED in finding for finding in findings(propose=changed)) == is_found


def test_text_that_is_not_framed_yet_cannot_be_declared_as_framed() -> None:
    changed = shipped("propose", ("    body: untrusted str", "    body: framed str"))
    assert findings(propose=changed) == [
        "propose: 'issue.body' must be marked untrusted: it is not framed yet"
    ]


def test_text_framed_for_a_model_is_not_inert_for_github() -> None:
    text = shipped(
        "pull_request_title",
        ("title: untrusted str", "title: framed str"),
        ("{{ title | one_line | truncate(100) | inert }}", "{{ title }}"),
    )
    assert any("add | inert" in finding for finding in findings(pull_request_title=text))
