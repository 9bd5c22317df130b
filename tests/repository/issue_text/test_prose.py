"""What a comment's author says, as opposed to what the comment quotes or shows as code."""

import pytest

from repository.issue_text import render_prose


@pytest.mark.parametrize(
    ("markdown", "prose"),
    [
        ("Hello **@bot**, please fix\nthis", "Hello **@bot**, please fix this"),
        ("one\n\n- two\n- three", "one two three"),
        ("<div>one</div><div>two</div>", "one two"),
        ("a `@bot` b", "a b"),
        ("```\n@bot\n```\n", ""),
        ("    @bot\n", ""),
        ("<pre>@bot</pre> after", "after"),
        ("> @bot fix it\n\nwhy?", "why?"),
        ("> @bot fix it\nlazily continued", ""),
        ("- item\n\n  > @bot\n", "item"),
        ("<blockquote>@bot</blockquote> after", "after"),
        ("<blockquote>never closed\n\n@bot", ""),
        ("</blockquote></code> @bot", "@bot"),
        ("<!-- @bot -->visible", "visible"),
        ("<title>@bot</title>", "<title>@bot</title>"),
        ("<svg>@bot</svg>visible", "visible"),
        ("", ""),
    ],
)
def test_prose_is_what_is_neither_code_nor_quoted_nor_hidden(markdown: str, prose: str):
    assert render_prose(markdown) == prose
