"""The tags around the thinking of models that a server passes on as text.

Sources: the reasoning parsers of vLLM (``vllm/reasoning``) and SGLang
(``python/sglang/srt/parser/reasoning_parser.py``), and what prompts ask for (``<analysis>``).
"""

import re

_NAMES = (
    r"(?:(?:\w{1,20}[:_])?(?:ant)?think(?:ing)?|(?:\w{1,20}:)?"
    r"(?:thoughts?|reason(?:ing)?|reflection|scratchpad|(?:inner_?)?monologue|analysis))"
    r"(?::\w{1,20})?"
)
"""think, seed:think, longcat_think, think:opensource, ..."""
_WORDS = r"(?:think(?:ing)?|thoughts?|reason(?:ing)?)"
_HARMONY = r"(?:<\|start\|>assistant)?<\|channel\|>{}[^<\n]*(?:<\|constrain\|>\w*)?<\|message\|>"
"""https://cookbook.openai.com/articles/openai-harmony"""

OPENING = re.compile(
    rf"<(?:ifm\|)?{_NAMES}\s*>"
    rf"|<\|(?:(?:begin|start)(?:_of)?_)?{_WORDS}(?:_start)?\|>"
    r"|<\|plamo:begin_think:plamo\|>|<\|inner_prefix\|>"
    r"|<\|channel>thought\b|<\|open\|>think<\|sep\|>"
    r"|\[THINK\]|◁think▷|\[unused16\]"
    rf"|{_HARMONY.format('analysis')}",
    re.I,
)
CLOSING = re.compile(
    rf"</(?:ifm\|)?{_NAMES}\s*>"
    rf"|<\|(?:/|end(?:_of)?_){_WORDS}\|>|<\|{_WORDS}_end\|>"
    r"|<\|plamo:end_think:plamo\|>|<\|inner_suffix\|>"
    r"|<channel\|>|<\|close\|>think<\|sep\|>"
    r"|\[/THINK\]|◁/think▷|\[unused17\]"
    rf"|{_HARMONY.format('final')}",
    re.I,
)
_PAIRS_AT_THE_START = (
    # Harmony, as servers write it that drop special tokens.
    (re.compile(r"\s*analysis(?=[A-Z])"), re.compile(r"assistantfinal")),
    # Granite.
    (
        re.compile(r"\s*Here(?:'s| is) my thought process:"),
        re.compile(r"^Here(?:'s| is) my response:", re.M),
    ),
)


def closing_tags(text: str) -> list[re.Match[str]]:
    """Return the tags in a text that may end a thought, in order."""
    for opening, closing in _PAIRS_AT_THE_START:
        if opening.match(text):
            return list(closing.finditer(text))
    return list(CLOSING.finditer(text))


def begins_with_thought(text: str) -> bool:
    """Return whether a text begins with a thought, which one of the tags should close."""
    if OPENING.match(text.lstrip()):
        return True
    return any(opening.match(text) for opening, _ in _PAIRS_AT_THE_START)
