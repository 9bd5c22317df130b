"""The checks on a commit that count, read from GitHub: check runs and commit statuses."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote

from pipeline.github.conversation import MAX_ANNOTATIONS, Annotation, FailedCheck
from pipeline.github.listing import Row, list_rows

if TYPE_CHECKING:
    from github.Requester import Requester

_ACTIONS = "github-actions"
"""The slug of the App that runs the jobs of GitHub Actions."""
_FAILED_RUNS = ("failure", "timed_out")
_FAILED_STATUSES = ("failure", "error")
_ANY_APP = -1
"""How a ruleset or a branch's protection may say that any App may report a check."""


@dataclass(frozen=True)
class _Required:
    """A check that has to succeed before a merge."""

    name: str
    app_id: int | None
    """The App that must report it; None for any."""


@dataclass(frozen=True)
class _Base:
    """The branch that a pull request is to be merged into."""

    sha: str
    """Its newest commit."""
    required: tuple[_Required, ...]


@dataclass(frozen=True)
class _Report:
    """A check run or a commit status."""

    check: FailedCheck
    """What it says, whether it has failed or not."""
    has_failed: bool
    app_id: int | None
    """The App that made it; None for a status, which does not name its App."""
    annotations_url: str | None
    """Where its annotations are; None if it has none."""

    def counts_as(self, required: _Required) -> bool:
        if self.check.name != required.name:
            return False
        return required.app_id is None or self.app_id in (None, required.app_id)

    def is_same_check(self, other: "_Report") -> bool:
        """Return whether both are of one check, on different commits."""
        return self.check.name == other.check.name and self.app_id == other.app_id


def read_failed_checks(
    requester: "Requester", repository: str, base: str, sha: str
) -> list[FailedCheck]:
    """Return the failed checks that count, without the logs of jobs.

    For which these are, see ``Conversation.failed_checks``.
    """
    reports = _read_reports(requester, repository, sha)
    branch = _read_base(requester, repository, base)
    failed = _select_failed(_select_counting(reports, branch.required))
    if not failed:
        return []
    failed_on_base = _select_failed(_read_reports(requester, repository, branch.sha))
    caused: list[FailedCheck] = []
    for report in failed:
        if not any(report.is_same_check(other) for other in failed_on_base):
            caused.append(_with_annotations(requester, report))
    return caused


def _select_failed(reports: Sequence[_Report]) -> list[_Report]:
    return [report for report in reports if report.has_failed]


def _read_reports(requester: "Requester", repository: str, sha: str) -> list[_Report]:
    """Return the latest report of each name on a commit."""
    commit = f"/repos/{repository}/commits/{sha}"
    reports: list[_Report] = []
    for row in list_rows(requester, f"{commit}/check-runs", key="check_runs", filter="latest"):
        reports.append(_read_run(row))
    for row in list_rows(requester, f"{commit}/status", key="statuses"):
        reports.append(_read_status(row))
    return reports


def _select_counting(reports: Sequence[_Report], required: Sequence[_Required]) -> list[_Report]:
    """Return the reports of required checks; if none is required, the jobs of GitHub Actions."""
    if not required:
        return [report for report in reports if report.check.is_actions_job]
    counting: list[_Report] = []
    for report in reports:
        if any(report.counts_as(check) for check in required):
            counting.append(report)
    return counting


def _read_base(requester: "Requester", repository: str, base: str) -> _Base:
    """Return the base branch, and the checks that its protection and rulesets require.

    Both can be read without the rights of an administrator.
    """
    from github import GithubException

    branch = quote(base, safe="")
    required: list[_Required] = []
    _, answer = requester.requestJsonAndCheck("GET", f"/repos/{repository}/branches/{branch}")
    protection = answer.get("protection", {}).get("required_status_checks", {})
    for check in protection.get("checks", ()):
        required.append(_required(check["context"], check.get("app_id")))
    try:
        rules = list(list_rows(requester, f"/repos/{repository}/rules/branches/{branch}"))
    except GithubException as error:
        if error.status != 404:
            raise
        rules = []  # an older Enterprise server, which has no rulesets
    for rule in rules:
        if rule["type"] == "required_status_checks":
            for check in rule["parameters"]["required_status_checks"]:
                required.append(_required(check["context"], check.get("integration_id")))
    return _Base(answer["commit"]["sha"], tuple(required))


def _required(name: str, app_id: int | None) -> _Required:
    return _Required(name, None if app_id == _ANY_APP else app_id)


def _read_run(row: Row) -> _Report:
    app = row["app"] or {}
    output = row["output"]
    check = FailedCheck(
        id=row["id"],
        name=row["name"],
        conclusion=row["conclusion"] or "",
        title=output["title"] or "",
        summary=output["summary"] or "",
        text=output["text"] or "",
        is_actions_job=app.get("slug") == _ACTIONS,
    )
    return _Report(
        check=check,
        has_failed=row["conclusion"] in _FAILED_RUNS,
        app_id=app.get("id"),
        annotations_url=output["annotations_url"] if output["annotations_count"] else None,
    )


def _read_status(row: Row) -> _Report:
    check = FailedCheck(
        id=row["id"],
        name=row["context"],
        conclusion=row["state"],
        title="",
        summary=row["description"] or "",
        text="",
    )
    return _Report(
        check=check,
        has_failed=row["state"] in _FAILED_STATUSES,
        app_id=None,
        annotations_url=None,
    )


def _with_annotations(requester: "Requester", report: _Report) -> FailedCheck:
    if report.annotations_url is None:
        return report.check
    annotations: list[Annotation] = []
    for row in islice(list_rows(requester, report.annotations_url), MAX_ANNOTATIONS):
        annotation = Annotation(
            path=row["path"],
            start_line=row["start_line"],
            end_line=row["end_line"],
            level=row["annotation_level"] or "",
            title=row["title"] or "",
            message=row["message"] or "",
        )
        annotations.append(annotation)
    return report.check.model_copy(update={"annotations": tuple(annotations)})
