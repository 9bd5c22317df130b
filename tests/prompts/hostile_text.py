"""Text that tries everything, and how Markdown reads it."""

from hypothesis import strategies as st
from markdown_it import MarkdownIt

#: Text in which characters with a meaning in Markdown, HTML or GitHub are frequent.
HOSTILE = st.lists(
    st.sampled_from(
        [
            "`",
            "```",
            "~~~",
            "\n",
            "\n\n",
            "    ",
            "# ",
            "> ",
            "- ",
            "<!--",
            "-->",
            "<b>",
            "@octocat",
            "#12",
            "GH-3",
            "fixes ",
            "https://github.com/o/r/issues/9",
            "www.x.org",
            "![a](b)",
            "[a](b)",
            "[a]: b",
            "\r",
            "\u2028",
            "\u200b",
            "\x00",
            "| a |",
            "---",
            "</details>",
            "word",
            ": ",
            "!",
            "[",
            "]",
            "(",
            ")",
            "/approve",
            "[!NOTE]",
            "[x]",
            "mermaid",
            "m&#101;rmaid",
            "[skip ci]",
            "[no release]",
            "NO_CI",
            "skip-checks: true",
            "feat",
            "fix(core)!: ",
            "BREAKING CHANGE: ",
            "BREAKING\u00a0CHANGE: ",
            "fixup! ",
            "Release-As: 9.0.0",
            "Co-authored-by: x <x@y>",
            "bors r+",
            "r? ann",
            "retest this please",
            "&commat;",
            "&num;",
            "\\",
        ]
    )
    | st.text(max_size=5)
).map("".join)


def tokens(markdown: str) -> list[tuple[str, str]]:
    flat = []
    for token in MarkdownIt("commonmark", {"linkify": False}).parse(markdown):
        if token.type == "inline":
            flat += [(child.type, child.content) for child in token.children]
        else:
            flat.append((token.type, token.content))
    return flat
