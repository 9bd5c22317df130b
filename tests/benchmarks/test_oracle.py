"""The oracle expresses the reference change in blocks that apply_patch reads."""

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.oracle import as_reply, hunks
from tests.repository.edits.applying import apply_to_texts

LINES = st.lists(
    st.sampled_from(["", "a", "    a", "a  ", "b", "    return b", "def f():"]), max_size=14
)


def applied(before: dict[str, str | None], reply: str) -> dict[str, str | None]:
    existing = {path: text for path, text in before.items() if text is not None}
    return apply_to_texts(reply, existing)


@settings(deadline=None, max_examples=300)
@given(LINES.filter(any), LINES.filter(any))
def test_blocks_turn_one_text_into_the_other(old: list[str], new: list[str]) -> None:
    before, after = ("".join(f"{line}\n" for line in lines) for lines in (old, new))
    if before == after:
        return
    reply, inexpressible = as_reply({"x.py": before}, {"x.py": after})
    assert applied({"x.py": before}, reply) == {"x.py": after}
    assert inexpressible == []


def test_a_search_is_grown_until_it_is_unique() -> None:
    old = ["def f():", "    return 1", "", "def g():", "    return 1"]
    ((search, replace),) = hunks(old, [*old[:-1], "    return 2"])
    assert search == ["def g():", "    return 1"]
    assert replace == ["def g():", "    return 2"]


def test_a_file_keeps_its_line_endings() -> None:
    before: dict[str, str | None] = {"x.py": "a\r\nb\r\n"}
    reply, _ = as_reply(before, {"x.py": "a\r\nc\r\n"})
    assert applied(before, reply) == {"x.py": "a\r\nc\r\n"}


def test_blocks_write_new_files_but_cannot_express_removals() -> None:
    reply, inexpressible = as_reply(
        {"new.py": None, "old.py": "x\n"}, {"new.py": "y\n", "old.py": None}
    )
    assert applied({"new.py": None}, reply) == {"new.py": "y\n"}
    assert inexpressible == ["old.py is removed"]


def test_blocks_cannot_change_the_end_of_the_last_line() -> None:
    _, inexpressible = as_reply({"x.py": "a"}, {"x.py": "b\n"})
    assert inexpressible == ["x.py: the newline at its end changes"]
