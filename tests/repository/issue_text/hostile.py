"""Hostile issue texts: ways to hide words from a reader, each in several places of a page."""

import itertools
import random
import re

WAYS = (
    "@ ![@](a.png) @",
    "@ ![@](a.png '@')",
    "![@][r]\n\n[r]: a.png '@'",
    "[@](https://example.com '@')",
    "[@][r]\n\n[r]: https://example.com\n  '@'",
    "@\n\n[r]: https://example.com '@'",
    "@\n\n[//]: # (@)",
    "@\n\n[r]: a\n[r]: b '@'\n\n[r]",
    "@\n\n[^note]: @\n\n    @",
    "@[^note]\n\n[^note]: @",
    "@ <!-- @ --> @",
    "@\n\n<!--\n\n@\n\n-->\n\n@",
    "@ <?php @ ?> @",
    "@ <!DOCTYPE @> @",
    "@ <![CDATA[@]]> @",
    "@ <img alt='@' src=a.png> @",
    "@ <img alt=@ src=a.png title=@> @",
    "@ <img src=a.png srcset='@ 2x'> @",
    "@ <b title='@'>@</b>",
    "@ <b data-x='@' aria-label=\"@\">@</b>",
    "@ <b @ onclick=@>@</b>",
    "@ <B TITLE\n=\n'@'\n>@</B>",
    "<div title='@'>@</div>",
    "<div\n title='@'\n>\n\n@\n\n</div>",
    "<details><summary>@</summary>\n\n@\n\n</details>\n\n@",
    "<details open title='@'>\n\n@\n\n</details>",
    "<details>\n@\n<details>\n@\n</details>\n@\n</details>\n@",
    "@ <style>@</style> @",
    "<style>\n@\n</style>\n\n@",
    "@ <script>@</script> @",
    "<script>\n\n@\n\n</script>\n\n@",
    "@ <title>@</title> @",
    "@ <textarea>@</textarea> @",
    "@ <iframe>@</iframe> @",
    "@ <noscript>@</noscript> @",
    "<noscript>\n\n@\n\n</noscript>\n\n@",
    "@ <template><b>@</b></template> @",
    "<svg><desc>@</desc><text>@</text></svg>\n\n@",
    "@ <math><mtext>@</mtext></math> @",
    "@ <video>@</video> <audio>@</audio> @",
    "@ <object><p>@</object> @",
    "@ <select><option>@</option></select> @",
    "@ <ruby>@<rp>@</rp><rt>@</rt></ruby> @",
    "@ <div hidden>@</div> @",
    "@ <span style='display:none'>@</span> @",
    "@ <span style=font-size:0>@</span> @",
    "@ <bdo dir=rtl>@</bdo> @",
    "@ <sub><sub><sub><sub><sub><sub>@</sub></sub></sub></sub></sub></sub> @",
    "@ <@> @ </@> @",
    "@ List<@> @",
    "@ <x-y z='@'>@</x-y>",
    "```python @\n@\n```",
    "```@\n@\n```",
    "~~~ @ @\n@\n~~~",
    "<pre><code class=language-@>@</code></pre>",
    "@ <b class=@ id='@' lang=@ dir=@>@</b>",
    "<ol start=@><li value=@>@</ol>",
    "| @ |\n|:-:|\n| @ |",
    "@ `<!-- @ -->` @",
    "```\n<!-- @ -->\n<b title='@'>\n```",
    "    <!-- @ -->\n    ![@](x)\n\n@",
    "@ $\\phantom{@}$ @",
    "@ $$\\color{white}{@}$$ @",
    "```math\nx % @\n```\n\n@",
    "@ \\<!-- @ --> @",
    "@ &lt;!-- @ --&gt; @",
    "@ &#60;b title='@'&#62; @",
    "@\u200b\u202e@\u2066@",
    "@ \U000e0041\U000e0042@\ufe0f\u3164@",
    "| @ | @ |\n|---|---|\n| <!-- @ --> | ![@](x) |",
    "<table><tr><td title='@'>@</td></tr></table>\n\n@",
    "<table>@<tr><td>@<noscript>@</noscript></table>\n\n@",
    "<a href='javascript:x' title='@'>@</a> @",
    "<a name='@'></a> @",
    "<p>@<p hidden>@</p>\n\n@",
    "@ </noscript> @ </div> @",
    "@ <b>@ <i title='@'>@</b>@</i> @",
)
"""In each, ``@`` is a place for a word. Unfinished tags are in test_html_tokens.py: the standard
library's parser shows them, and no browser does."""

PLACES = (
    "@",
    "Before.\n\n@\n\nAfter.",
    "> @",
    "- @",
    "1. a\n\n   - @",
    "<div>\n\n@\n\n</div>",
)


def hostile_texts() -> list[str]:
    """Return the texts, the same at each call. Every word in them is ``W`` and its own number."""
    texts: list[str] = []
    for way, place in itertools.product(WAYS, PLACES):
        texts.append(_numbered(_place(way, place)))
    chance = random.Random(13)
    for _ in range(100):
        ways = chance.sample(WAYS, 4)
        texts.append(_numbered("\n\n".join(_place(way, chance.choice(PLACES)) for way in ways)))
    return texts


def _place(way: str, place: str) -> str:
    """Return the lines of ``way`` at the place, each with the place's indentation."""
    before = place[: place.index("@")].rsplit("\n", 1)[-1]
    indentation = before.replace("-", " ")
    return place.replace("@", way.replace("\n", f"\n{indentation}"))


def _numbered(text: str) -> str:
    """Return the text with a word at each place."""
    numbers = itertools.count(1)
    return re.sub("@", lambda _: f"W{next(numbers)}", text)
