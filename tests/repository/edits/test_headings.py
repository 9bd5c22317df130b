"""The heading of an edit names its file, or the reply is refused; it is never the file before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repository.edits.model import EditFailed
from tests.repository.edits.applying import apply_to_texts, block, refusal_of_texts

SEARCH = "<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n"
NEW = "<<<<<<< SEARCH\n=======\nnew\n>>>>>>> REPLACE\n"
FIRST = block("src/a.py", "first\n", "1st\n")
FILES = {
    "src/a.py": "first\nx\n",
    "src/b.py": "x\n",
    "docs/my file.md": "x\n",
    "gradlew": "x\n",
    "configure": "x\n",
    "Makefile": "x\n",
    "1. intro.md": "x\n",
    "#a.py": "x\n",
    "app/[id]/page.tsx": "x\n",
    "-dash.txt": "x\n",
    "run": "x\n",
}

SPELLINGS = [
    "{}",
    "`{}`",
    "**{}**",
    "**`{}`**:",
    "### {}",
    "#### `{}`:",
    "File: {}",
    "file path: {}",
    "- {}",
    "2. {}",
    "3) `{}`",
    "=== {} ===",
    "--- {}",
    "--- {} ---",
    "+++ b/{}",
    "[{}]",
    "({})",
    "<{}>",
    '<file path="{}">',
    "<file>{}</file>",
    "<path>{}</path>",
    "# {}",
    "// {}",
    "/* {} */",
    "<!-- {} -->",
    "-- {}",
    "{} (new)",
    "{}:",
    "{} - raise the limit",
    "“{}”",
    "> {}",
    "@@ {} @@",
    "In {}:",
    "In {}, raise the limit:",
    "In `{}`, raise the limit:",
    "In file {}, the same:",
    "The same in {}.",
    "Edit 2: {}",
    "Then change `{}` (the other half):",
    "[{0}](https://example.com/{0})",
    "{}\n```python",
    "{}\n\n```",
    "`{}`\n\n~~~~ text",
    "```python {}",
    "```{}",
    "```python:{}",
    '```python title="{}"',
    "```\n{}",
    "```python\n# {}",
    "```js\n// {}",
    "### {}\n\nRaise the limit:\n\n```python",
    "{}\n\nThe limit was too low, so it is raised.\n",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("before", ["", FIRST, f"```\n{FIRST}```\n\n"])
def test_a_heading_names_its_file_in_any_spelling(spelling: str, before: str) -> None:
    reply = f"{before}{spelling.format('src/b.py')}\n{SEARCH}"
    assert apply_to_texts(reply, FILES)["src/b.py"] == "y\n"


@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith("src/")])
@pytest.mark.parametrize("spelling", ["{}", "`{}`", "**{}**", "{}:", "File: {}", "{}\n```text"])
def test_a_line_that_is_a_path_of_the_repository_is_that_path(name: str, spelling: str) -> None:
    reply = f"{FIRST}\n{spelling.format(name)}\n{SEARCH}"
    assert apply_to_texts(reply, FILES) == {"src/a.py": "1st\nx\n", name: "y\n"}


def test_a_pair_in_tags_is_never_one_of_the_file_before() -> None:
    first = "<file>src/a.py</file>\n<original>first</original>\n<patched>1st</patched>\n"
    pair = "<original>x</original>\n<patched>y</patched>\n"
    both = {"src/a.py": "1st\nx\n", "src/b.py": "y\n"}
    assert apply_to_texts(f"{first}\nIn `src/b.py`:\n{pair}", FILES) == both
    assert apply_to_texts(f"{first}\n{pair}", FILES) == {"src/a.py": "1st\ny\n"}
    assert "names no file" in refusal_of_texts(f"{first}\nIn the other file:\n{pair}", FILES)


def test_a_path_with_spaces_is_known_in_a_sentence() -> None:
    reply = f"{FIRST}\nIn docs/my file.md, change:\n{SEARCH}"
    assert apply_to_texts(reply, FILES)["docs/my file.md"] == "y\n"


@pytest.mark.parametrize(
    "heading",
    [
        "Then the other file:",
        "And the same there.",
        "Then",
        "Next, run the tests.",
        "Move it from src/a.py to src/b.py:",
        "src/a.py and src/b.py",
        "In the other_module.py of the package:",
        "text",
        "Explanation\n```python",
        "src/a.py\nsrc/b.py\n\nBoth change:",
    ],
)
def test_a_heading_that_names_no_file_or_several_is_an_error(heading: str) -> None:
    assert "names no file" in refusal_of_texts(f"{FIRST}\n{heading}\n{SEARCH}", FILES)


@pytest.mark.parametrize(
    "language", ["python", "js", "diff", "text", "JSON", "SQL", "Makefile", "c++", "text/x-diff"]
)
def test_the_language_of_a_fence_is_no_path(language: str) -> None:
    files = {"src/a.py": "first\nx\n"}
    assert "names no file" in refusal_of_texts(f"Do this:\n```{language}\n{SEARCH}```\n", files)
    reply = f"src/a.py\n```{language}\n{SEARCH}```\n"
    if "/" not in language:
        files |= {language: "x\n"}
    assert apply_to_texts(reply, files) == {"src/a.py": "first\ny\n"}


@pytest.mark.parametrize(
    ("heading", "path"),
    [
        ("pkg/new.py", "pkg/new.py"),
        ("Create pkg/new.py:", "pkg/new.py"),
        ("New file: `pkg/new.py`", "pkg/new.py"),
        ("pkg/new.py (new file)", "pkg/new.py"),
        ("=== pkg/new.py ===", "pkg/new.py"),
        ("For this, `pkg/new.py` is added:", "pkg/new.py"),
        ("mvnw", "mvnw"),
        ("`docs/a new page.md`", "docs/a new page.md"),
        ("```python pkg/new.py", "pkg/new.py"),
    ],
)
def test_a_new_file_is_named_by_its_heading(heading: str, path: str) -> None:
    reply = f"{FIRST}\n{heading}\n{NEW}"
    assert apply_to_texts(reply, FILES) == {"src/a.py": "1st\nx\n", path: "new\n"}


@pytest.mark.parametrize("heading", ["my notes.md", "Then", "It is new:", "It uses os.path here:"])
def test_a_new_file_whose_name_is_not_certain_is_refused(heading: str) -> None:
    assert "names no file" in refusal_of_texts(f"{FIRST}\n{heading}\n{NEW}", FILES)


_WORDS = st.sampled_from(
    ["src/a.py", "src/b.py", "In", "the", "`", "file", ":", "run", "x.y", "(", "**", "#", "1."]
)


@given(st.lists(_WORDS, min_size=1, max_size=6).map(" ".join))
def test_a_block_below_any_words_is_never_one_of_the_file_before(words: str) -> None:
    try:
        after = apply_to_texts(f"{FIRST}\n{words}\n{SEARCH}", FILES)
    except EditFailed:
        return
    is_heading = any(character.isalnum() for character in words)
    assert not is_heading or "src/a.py" in words or after["src/a.py"] == "1st\nx\n"
