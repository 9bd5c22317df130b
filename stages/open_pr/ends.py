"""How the run ends: what was pushed and opened, or why not."""

from pipeline.github import OpenPull, PullRequest
from pipeline.github.issue_pulls import describe_other
from pipeline.outcome import Facts, Outcome, Verification
from pipeline.stage import RunContext, Stop
from stages.fetch_issue import link_facts


def nothing_pushed(reason: str, facts: Facts) -> Stop:
    return Stop(Outcome.PROPOSED, f"nothing was pushed: {reason}", facts)


def perhaps_pushed(branch: str, reason: str, facts: Facts) -> Stop:
    """Return the end of a run that can't find out what became of its earlier push."""
    text = f"look at branch {branch}, which an earlier try may have pushed: {reason}"
    return Stop(Outcome.PROPOSED, text, facts.merged(Facts(branch=branch)))


def opened_meanwhile(other: OpenPull, run: RunContext, branch: str | None, facts: Facts) -> Stop:
    """End a run that lost a race; ``branch`` has its commit, if that was pushed."""
    where = f"the fix is on branch {branch}" if branch else "nothing was pushed"
    reason = f"{describe_other(other, run.fix_job.issue)}, since this run began; {where}"
    with_links = link_facts(other).merged(Facts(branch=branch))
    return Stop(Outcome.PROPOSED, reason, facts.merged(with_links))


def pull_request_opened(pull: PullRequest, verification: Verification, facts: Facts) -> Stop:
    closed = "" if pull.state == "open" else ", since closed"
    plain = "; not a draft, which the repository does not support" if pull.lacks_drafts else ""
    reason = f"pull request #{pull.number}{closed}: {verification}{plain}"
    return Stop(Outcome.PR_OPENED, reason, facts.merged(links(pull.url, pull.number)))


def links(url: str, number: int) -> Facts:
    return Facts(pull_request_url=url, pull_request_number=number)
