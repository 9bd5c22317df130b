"""The text of the commit and of the pull request, rendered from the templates."""

from typing import Any

from pipeline.github.issue_pulls import marker
from pipeline.outcome import Facts
from prompts.filters import clip
from prompts.template_set import TemplateSet
from stages.open_pr.plans import PlannedPull
from stages.open_pr.repository_template import fill

#: Limits of GitHub, in characters; its error response (422) states them.
MAX_TITLE = 256
MAX_BODY = 65_536
#: Names of the templates.
_BODY = "pull_request"
_TITLE = "pull_request_title"
_MESSAGE = "commit_message"


def template_facts(templates: TemplateSet) -> Facts:
    """Return the hashes of the templates, for the run's result."""
    names = (_MESSAGE, _TITLE, _BODY)
    return Facts(templates={name: templates.hash(name) for name in names})


def render_message(templates: TemplateSet, variables: dict[str, Any]) -> str:
    """Render the commit's message."""
    return templates.render(_MESSAGE, **variables)


def render_pull(
    templates: TemplateSet,
    variables: dict[str, Any],
    repository_template: str | None,
    *,
    draft: bool,
) -> PlannedPull:
    """Render title and body, cut to GitHub's limits even if an edited template exceeds them."""
    title = templates.render(_TITLE, **variables).strip()
    if len(title) > MAX_TITLE:
        title = f"{title[: MAX_TITLE - 1]}…"
    body = templates.render(_BODY, **variables)
    if repository_template is not None:
        keyword = "Fixes" if variables["ready"] else "Refs"
        body = fill(repository_template, body, f"{keyword} #{variables['issue_number']}")
    line = marker(variables["job_id"], variables["generation"])
    if line not in body:
        body += f"\n{line}\n"
    if len(body) > MAX_BODY:
        # The middle is replaced by a note; the marker at the end survives.
        body = clip(body, MAX_BODY - 100)
    return PlannedPull(title=title, body=body, draft=draft)
