"""A pull request, drawn much as GitHub does, for a picture."""

import re

from jinja2 import Environment
from markdown_it import MarkdownIt
from markupsafe import Markup

_HIDDEN = re.compile(r"<!--.*?-->", re.DOTALL)

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{{ title }}</title>
<style>
  body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1f2328;
         font: 14px/1.5 -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
  h1 { font-size: 1.6rem; font-weight: 400; margin: 0 0 .5rem; }
  h1 span { color: #59636e; }
  .state { background: #1a7f37; border-radius: 2rem; color: #fff; padding: .3rem .8rem; }
  .draft { background: #59636e; }
  blockquote { border-left: .25em solid #d1d9e0; color: #59636e; margin: 0; padding: 0 1em; }
  blockquote code { color: #1f2328; }
  .line { color: #59636e; margin-bottom: 1.5rem; }
  .comment { border: 1px solid #d1d9e0; border-radius: .4rem; }
  .author { background: #f6f8fa; border-bottom: 1px solid #d1d9e0; padding: .5rem 1rem; }
  .body { padding: .5rem 1rem; }
  code, pre { background: #eff1f3; border-radius: .3rem; font: 12px/1.5 monospace; }
  code { padding: .1rem .3rem; } pre { overflow-x: auto; padding: .8rem; } pre code { padding: 0; }
  table { border-collapse: collapse; } th, td { border: 1px solid #d1d9e0; padding: .3rem .8rem; }
</style>
<h1>{{ title }} <span>#{{ number }}</span></h1>
<p class="line"><span class="state{{ ' draft' if draft }}">{{ "Draft" if draft else "Open" }}</span>
  &nbsp; wants to merge 1 commit into <code>{{ base }}</code> from <code>{{ branch }}</code></p>
<div class="comment"><div class="author"><b>coding-agent</b> commented</div>
<div class="body">{{ body }}</div></div>
</html>
"""


def pull_page(*, title: str, number: int, base: str, branch: str, body: str, draft: bool) -> str:
    """Return the HTML of a pull request that we wrote ourselves: its body is trusted."""
    visible = _HIDDEN.sub("", body)
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    template = Environment(autoescape=True).from_string(_PAGE)
    return template.render(
        title=title,
        number=number,
        base=base,
        branch=branch,
        draft=draft,
        body=Markup(markdown.render(visible)),
    )
