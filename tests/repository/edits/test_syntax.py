"""The files of a change must parse, where a parser can tell."""

import time
from pathlib import Path

import pytest

from repository.edits.model import EditFailed
from stages.propose_patch.base_code import syntax_checker
from tests.repository.edits.applying import (
    apply_to_bytes,
    block,
    editable,
    refusal_of_bytes,
)


def check(
    path: str, text: str, files: dict[str, str] | None = None, pythons: tuple[Path, ...] = ()
) -> tuple[str, ...]:
    """Check a new file beside others; return the notices."""
    base = editable({name: content.encode() for name, content in (files or {}).items()})
    return syntax_checker(lambda: base, pythons).check({path: None}, {path: text})


def error_of(path: str, text: str, files: dict[str, str] | None = None) -> str:
    with pytest.raises(EditFailed) as raised:
        check(path, text, files)
    return str(raised.value)


@pytest.mark.parametrize(
    ("path", "before", "search", "replace"),
    [
        ("a.py", "x = (1,\n     2)\n", "     2)\n", "     2\n"),
        ("a.json", '{"a": 1}\n', '{"a": 1}\n', '{"a": 1,}\n'),
        ("a.toml", "a = 1\n", "a = 1\n", "a =\n"),
        ("a.yml", "a: 1\n", "a: 1\n", "a: [1\n"),
    ],
)
def test_a_file_that_parsed_must_still_parse(path, before, search, replace):
    assert "no longer parses" in refusal_of_bytes(
        block(path, search, replace), {path: before.encode()}
    )
    broken = "%% broken (\n" + before
    assert apply_to_bytes(
        block(path, search, replace), {path: broken.encode()}
    ).files  # it did not before


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("n.py", "def f(:\n"),
        ("n.json", "// a comment\n{}\n"),
        ("locales/de.json", '{"hello": "Hallo {{name}}",}\n'),
        ("tsconfig.json", '{"a": [1 2]}\n'),
        ("tsconfig.json", '{"a": 1 /* not closed\n}'),
        ("n.toml", "a = {{ b\n"),
        ("n.yml", "a: [1\n"),
    ],
)
def test_a_new_file_must_parse(path, text):
    assert "no longer parses" in error_of(path, text)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tsconfig.json", '{\n  // strict\n  "a": "//", /* b */\n  "c": [1, 2,],\n}\n'),
        ("web/tsconfig.build.json", '{"a": 1,}\n'),
        ("notes.jsonc", '{"a": "/* no comment */"} // end\n'),
        (".eslintrc.json", "// lint\n{}\n"),
        (".devcontainer/devcontainer.json", "// box\n{}\n"),
        (".vscode/settings.json", "{} // none\n"),
        ("babel.config.json", "/* presets */ {}\n"),
        ("ext/_locales/en/messages.json", "// texts\n{}\n"),
        ("stack.yaml", "a: !Ref b\n---\nc: !Sub |\n  ${d}\n"),
        ("chart/templates/x.yaml", "{{- if .Values.on }}\na: {{ .Values.b }}\n{{- end }}\n"),
        ("config/database.yml", "a: <%= ENV['A'] %>\n"),
        ("package.json", '{"name": {{ name | tojson }}}\n'),
        ("{{cookiecutter.slug}}/main.py", "import {{ cookiecutter.module }}\n"),
        ("conf.toml", "# {{ comment }}\na = {{ b }}\n"),
    ],
)
def test_comments_tags_and_templates_are_no_errors(path, text):
    assert check(path, text) == ()


def test_a_new_file_is_not_checked_if_those_beside_it_do_not_parse_either():
    python2 = 'print "hello"\n'
    assert check("old/b.py", python2, {"old/a.py": python2}) == ()
    assert check("data/b.json", "{a: 1}", {"data/a.json": "{b: 2}", "data/c.json": "{}"}) == ()
    assert error_of("new/b.py", python2, {"old/a.py": python2, "new/a.py": "print()\n"})
    assert error_of("b.py", python2, {"a.py": python2, "c.py": "", "d.py": "x = 1\n"})


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": "[project]\nrequires-python = '>=3.99'\n"},
        {"pyproject.toml": "[tool.poetry.dependencies]\npython = '^3.99'\n"},
        {"setup.cfg": "[options]\npython_requires = >=3.99\n"},
        {"setup.py": "setup(python_requires='>=3.99')\n"},
        {".python-version": "3.99.1\n"},
        {".coding-agent.toml": "[tests]\npython = '3.99'\n"},
        {"setup.py": "setup(classifiers=['Programming Language :: Python :: 2'])\n"},
        {"setup.py": "setup(python_requires='<3')\n"},
        {"lib/pyproject.toml": "[project]\nrequires-python = '>=3.99'\n", "setup.py": ""},
    ],
)
def test_python_that_no_interpreter_here_can_be_asked_about_is_told_and_not_refused(files):
    (notice,) = check("lib/a.py", "x = 1 $ 2\n", files)
    assert "`lib/a.py` was not parsed: no Python here fits" in notice


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tsconfig.json", '{"a": ' + '\\"' * 100_000),
        ("a.json", "{{ " * 100_000),
        ("a.toml", "a = {{" + "{" * 300_000),
    ],
)
def test_hostile_texts_are_refused_in_time(path, text):
    """With backtracking, the first takes twenty minutes, during which no other thread runs."""
    before = time.thread_time()
    error_of(path, text)
    assert time.thread_time() - before < 3


@pytest.mark.parametrize("requires", [">=3.8", ">=3.11,<4", "^3.8"])
def test_python_that_this_worker_can_judge_is_refused(requires):
    files = {"pyproject.toml": f"[project]\nrequires-python = '{requires}'\n"}
    assert "SyntaxError" in error_of("a.py", "x = 1 $ 2\n", files)


def test_an_interpreter_that_takes_too_long_refuses_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("repository.testing.python_parser._SECONDS", 0.1)
    program = tmp_path / "python3.98"
    program.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    program.chmod(0o755)
    files = {"pyproject.toml": "[project]\nrequires-python = '==3.98.*'\n"}
    (notice,) = check("a.py", "new syntax", files, (tmp_path,))
    assert "`a.py` was not parsed: python3.98 took over" in notice


def test_an_interpreter_of_the_repositorys_version_is_asked(tmp_path):
    """The interpreters are programs that accept only what the version would."""
    for minor, accepted in ((98, "new"), (99, "newer")):
        program = tmp_path / f"python3.{minor}"
        program.write_text(f"#!/bin/sh\n! /bin/grep -vqx '{accepted} syntax'\n")
        program.chmod(0o755)
    files = {"pyproject.toml": "[project]\nrequires-python = '==3.98.*'\n"}
    assert check("a.py", "new syntax", files, (tmp_path,)) == ()
    with pytest.raises(EditFailed):
        check("a.py", "newer syntax", files, (tmp_path,))
    files = {"pyproject.toml": "[project]\nrequires-python = '>=3.98'\n"}
    assert check("a.py", "newer syntax", files, (tmp_path,)) == ()


def test_an_edit_that_brings_newer_syntax_is_described_to_the_reviewer():
    files = {
        "pyproject.toml": b"[project]\nrequires-python = '>=3.99'\n",
        "a.py": b"x = 1\n",
    }
    applied = apply_to_bytes(block("a.py", "x = 1\n", "x = 1 $ 2\n"), files)
    assert "`a.py` was not parsed" in applied.notices[0]
