"""Read the current issue, without text that a person could not see; reject forbidden ones."""

from stages.fetch_issue.issue import Issue, IssueComment
from stages.fetch_issue.other_pulls import find_other_pull, link_facts
from stages.fetch_issue.refusals import MAX_ISSUE_BYTES
from stages.fetch_issue.requester import find_requester_refusal
from stages.fetch_issue.rules import IssueRules
from stages.fetch_issue.stage import FetchIssue

__all__ = [
    "MAX_ISSUE_BYTES",
    "FetchIssue",
    "Issue",
    "IssueComment",
    "IssueRules",
    "find_other_pull",
    "find_requester_refusal",
    "link_facts",
]
