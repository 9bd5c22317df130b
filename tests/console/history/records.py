"""Rows of the history, for its tests."""

from console.history.records import RunRecord


def record(**fields: object) -> RunRecord:
    """Return the row of a finished run, with some columns replaced."""
    defaults: dict[str, object] = {
        "run": "a/0",
        "job_id": "a",
        "generation": 0,
        "repository": "octo/repo",
        "type": "fix_issue",
        "issue_number": 1,
        "issue_url": "https://github.com/octo/repo/issues/1",
        "state": "finished",
        "rounds": 1,
        "deliveries": 1,
        "crashes": 0,
        "tries": 0,
        "cost_usd": 0.5,
        "seconds": 2.0,
        "created_at": "2001-09-09T01:46:40Z",
        "trace": "t",
    }
    return RunRecord.model_validate(defaults | fields)
