"""A reply's answer is what follows the model's thinking, whichever tags the model uses for that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repository.edits.readers import read_reply
from repository.edits.readers.thoughts import find_answer, without_thoughts
from tests.repository.edits.applying import apply_to_texts, block, refusal_of_texts

DRAFT = block("scratch.py", "", "print('draft')\n")
EDIT = block("a.py", "x\n", "y\n")
FILES = {"a.py": "x\n", "b.py": "x\n"}

TAGS = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<Thought>", "</Thought>"),
    ("<thoughts>", "</thoughts>"),
    ("<reasoning>", "</reasoning>"),
    ("<reason>", "</reason>"),
    ("<reflection>", "</reflection>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<inner_monologue>", "</inner_monologue>"),
    ("<analysis>", "</analysis>"),
    ("<antThinking>", "</antThinking>"),
    ("<seed:think>", "</seed:think>"),
    ("<mm:think>", "</mm:think>"),
    ("<longcat_think>", "</longcat_think>"),
    ("<think:opensource>", "</think:opensource>"),
    ("<ifm|think>", "</ifm|think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|thinking|>", "<|/thinking|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|think_start|>", "<|think_end|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("<|channel>thought\n", "<channel|>"),
    ("<|open|>think<|sep|>", "<|close|>think<|sep|>"),
    (
        "<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant<|channel|>final<|message|>",
    ),
    ("<|channel|>analysis<|message|>", "<|channel|>final <|constrain|>text<|message|>"),
]


@pytest.mark.parametrize(("opening", "closing"), TAGS)
def test_all_before_the_closing_tag_is_thinking_with_or_without_an_opening_one(
    opening: str, closing: str
) -> None:
    for thought in (f"{opening}\n{DRAFT}{closing}", f"{opening}Hm.\n{DRAFT}\nNo.{closing}"):
        assert apply_to_texts(f"{thought}\n\n{EDIT}", FILES) == {"a.py": "y\n"}
    for thought in (f"Hm.\n\n{DRAFT}{closing}\n", f"Hm.\n{DRAFT}\nNo.{closing}Swapped.\n\n"):
        assert apply_to_texts(thought + EDIT, FILES) == {"a.py": "y\n"}
    twice = f"{opening}\n{DRAFT}{closing}\n{opening}\n{DRAFT}{closing}\n{EDIT}"
    assert apply_to_texts(twice, FILES) == {"a.py": "y\n"}


@pytest.mark.parametrize(
    "reply",
    [
        f"analysisWe need a draft.\n{DRAFT}assistantfinalSwapped.\n\n{EDIT}",
        f"Here is my thought process:\n{DRAFT}\nHere is my response:\n\n{EDIT}",
    ],
    ids=["harmony without its special tokens", "Granite"],
)
def test_thinking_without_tags_is_known_by_how_the_reply_begins(reply: str) -> None:
    assert apply_to_texts(reply, FILES) == {"a.py": "y\n"}


@pytest.mark.parametrize(("opening", "closing"), TAGS)
def test_a_thought_that_is_not_closed_holds_no_edits(opening: str, closing: str) -> None:
    for reply in (f"{opening}\n{DRAFT}", f"{EDIT}\n{opening}\n{DRAFT}"):
        assert "ends inside the thinking" in refusal_of_texts(reply, FILES)
        assert read_reply(reply).edits == ()


@pytest.mark.parametrize(
    "draft",
    [
        "```python\nx = 1\n",
        "a.py\n<<<<<<< SEARCH\nx\n",
        "a.py\n<<<<<<< SEARCH\nx\n=======\nz\n",
        "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x\n+z\n",
        '<tool name="edit">\na.py\n',
        "cat > a.py <<'EOF'\nz\n",
        '{"name": "edit", "arguments": {"path": "a.py", "old_str": "x"\n',
        "The tag `</think>` is quoted.\n",
        "<think>\nonce more\n",
    ],
)
@pytest.mark.parametrize("answer", [EDIT, f"```\n{EDIT}```\n", f"```python\n{EDIT}```\n"])
def test_a_draft_without_an_end_does_not_hide_the_end_of_the_thinking(
    draft: str, answer: str
) -> None:
    assert apply_to_texts(f"{draft}</think>\n{answer}", FILES) == {"a.py": "y\n"}


TAG_LINES = "<think>\nx\n</think>\n"
MENTIONS = [
    block("a.py", "x\n", TAG_LINES),
    f"```python\n{block('a.py', 'x' + chr(10), TAG_LINES)}```\n",
    "--- a/a.py\n+++ b/a.py\n@@ -1 +1,3 @@\n-x\n+<think>\n+x\n+</think>\n",
    "```diff\n--- a/a.py\n+++ b/a.py\n@@ -1 +1,3 @@\n+<think>\n x\n+</think>\n```\n",
    f"*** Begin Patch\n*** Add File: c.py\n+{TAG_LINES[:-1].replace(chr(10), chr(10) + '+')}\n"
    "*** End Patch\n",
    f"<file>a.py</file>\n<original>\nx\n</original>\n<patched>\n{TAG_LINES}</patched>\n",
    '{"name": "edit", "arguments": {"path": "a.py", "old_str": "x", "new_str":'
    ' "<think>\\nx\\n</think>"}}',
    f'<invoke name="edit"><parameter name="path">a.py</parameter><parameter name="old_str">x\n'
    f'</parameter><parameter name="new_str">\n{TAG_LINES}</parameter></invoke>',
    f"a.py\n```\n{TAG_LINES}```\n",
    f"a.py\n````markdown\n```html\n{TAG_LINES}```\n````\n",
]


@pytest.mark.parametrize("edit", MENTIONS)
@pytest.mark.parametrize(
    "thought", ["", "<think>\nhm\n</think>\n", "hm\n```\nx\n</think>\n", "<analysis>y</analysis>\n"]
)
def test_a_tag_in_the_code_of_the_answer_is_only_text(edit: str, thought: str) -> None:
    around = f"The tags are `<think>` and `</think>`.\n\n{edit}\n"
    (new,) = apply_to_texts(thought + around, FILES).values()
    assert new is not None and "<think>\nx\n</think>" in new


def test_edits_that_a_thought_follows_are_thinking_too_and_the_model_is_told() -> None:
    message = refusal_of_texts(f"{EDIT}\n<think>\nDone.\n</think>\n", FILES)
    assert "no edits follow this end of the thinking" in message


@pytest.mark.parametrize("mention", ["Now </think> is kept.", "It ends at </think>."])
def test_a_tag_in_a_sentence_between_edits_is_told_and_loses_none(mention: str) -> None:
    other = block("b.py", "b\n", "c\n")
    message = refusal_of_texts(f"{EDIT}\n{mention}\n\n{other}", FILES)
    assert "edits stand before and after this tag" in message
    thought = f"<think>\n{EDIT}\n{mention}\n\n{EDIT}"
    assert apply_to_texts(thought, FILES) == {"a.py": "y\n"}


def test_what_the_answer_says_is_not_taken_from_the_thinking() -> None:
    assert without_thoughts("NEEDS_INFO: what?\n</think>\nNo.") == "\nNo."
    assert read_reply(f"Hm.\n</think>\n\nSwapped.\n\n{EDIT}").prose == "Swapped."


def test_lines_keep_their_numbers() -> None:
    reply = "Hm.\n\n</think>\n<<<<<<< SEARCH\nx\n"
    assert refusal_of_texts(reply, FILES).startswith("Line 4 of the reply")


_PIECES = st.sampled_from(
    [
        DRAFT,
        "```\n",
        "```python\n",
        "prose\n",
        "`code`",
        '"',
        "\n",
        "@@ -1 +1 @@\n",
        "+x\n",
        "<tool name='a'>\n",
        "</tool>\n",
        "cat <<'EOF'\n",
        "EOF\n",
        "<think>\n",
        "{",
        "<<<<<<< SEARCH\n",
        "=======\n",
        ">>>>>>> REPLACE\n",
    ]
)


@given(st.lists(_PIECES, max_size=12).map("".join))
def test_any_thinking_before_a_tag_on_a_line_of_its_own_is_left_out(draft: str) -> None:
    answer = f"Swapped.\n\n```python\n{EDIT}```\n"
    assert without_thoughts(f"{draft}\n</think>\n\n{answer}") == f"\n\n{answer}"


@given(st.lists(_PIECES | st.sampled_from(["</think>\n", "</thinking>"]), max_size=20))
def test_the_answer_is_a_part_of_the_reply(pieces: list[str]) -> None:
    reply = "".join(pieces)
    answer = find_answer(reply)
    assert 0 <= answer.start <= answer.end <= len(reply)


@pytest.mark.timeout(20)
def test_a_long_hostile_reply_is_read_in_time() -> None:
    pieces = ["</think>\n", "```\n</think>\n", "<a>\n</think>\n", "+</think>\n", '"</think>"\n']
    for piece in pieces:
        find_answer(piece * (100_000 // len(piece)))
        find_answer("```\n" + "<b>\n</b>\n```\n" * 5_000 + piece * 1_000)
