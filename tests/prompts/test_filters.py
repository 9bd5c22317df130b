from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.filters import bullets, clip, code, fenced, one_line
from tests.prompts.hostile_text import HOSTILE, tokens


@settings(deadline=None, max_examples=300)
@given(HOSTILE)
def test_fenced_text_cannot_close_its_fence(text: str) -> None:
    parsed = tokens(f"before\n\n{fenced(text)}\n\nafter\n")
    kinds = [kind for kind, _ in parsed]
    assert kinds.count("fence") == 1
    assert [k for k in kinds if k != "fence"] == ["paragraph_open", "text", "paragraph_close"] * 2


@settings(deadline=None, max_examples=300)
@given(HOSTILE)
def test_inline_code_stays_one_piece(text: str) -> None:
    kinds = [kind for kind, _ in tokens(f"a {code(text)} b\n")]
    assert kinds in (
        ["paragraph_open", "text", "code_inline", "text", "paragraph_close"],
        ["paragraph_open", "text", "paragraph_close"],  # nothing was left of it
    )


@settings(deadline=None, max_examples=200)
@given(HOSTILE)
def test_one_line_is_one_line_without_controls(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert line == line.strip()
    assert "\x00" not in line


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=400), st.integers(3, 200))
def test_clipping_bounds_the_size_and_keeps_both_ends(text: str, size: int) -> None:
    result = clip(text, size)
    assert len(result) <= size + 60
    assert result.startswith(text[: size * 2 // 3]) and result.endswith(
        text[len(text) - (size - size * 2 // 3) :] or ""
    )
    assert (result == text) == (len(text) <= size)


def test_names_are_listed_as_inert_code_up_to_a_limit() -> None:
    assert bullets(["a", "@octocat `x`"]) == "- `a`\n- `` @\u200boctocat `x` ``"
    assert bullets(["a", "b", "c"], 2) == "- `a`\n- `b`\n- and 1 more"
    assert bullets([]) == ""
