"""Messages with something odd in them, for properties that hold for any message."""

import json
from typing import Any

from hypothesis import strategies as st

from pipeline.job import ADDRESS_REVIEW, FIX_ISSUE

FIX = {
    "schema_version": 2,
    "type": FIX_ISSUE,
    "issue_url": "https://github.com/octo/calc/issues/7",
    "job_id": "a-job",
    "base_branch": "main",
    "metadata": {"tenant": "acme"},
    "replay": {"id": "r1", "from_stage": "checkout"},
    "limits": {"max_cost_usd": 1.5},
}
REVIEW = {
    "type": ADDRESS_REVIEW,
    "pull_request_url": "https://github.com/octo/calc/pull/8",
    "request": "review-1",
}
LOCAL = {"issue_url": "file:///tmp/calc/issues/7"}
NOTIFICATION = {"Type": "Notification", "TopicArn": "arn:aws:sns:x:1:y"}
EVENT = {"detail-type": "job", "source": "backend"}
ODD_TEXTS = st.sampled_from(
    [
        "\ud800",
        "a\udfffb",
        "\0",
        "\x1b[2J",
        "\u202e",
        "\r\n",
        " ",
        "x" * 3_000,
        "é" * 300,
        "%00",
        "%ED%A0%80",
    ]
)
ODD_VALUES = ODD_TEXTS | st.sampled_from(
    [None, True, -1, 10**30, 10**400, float("inf"), float("nan"), 1e308, [], {}, [[[]]], {"": ""}]
)


def envelopes(job: Any) -> st.SearchStrategy[Any]:
    """A job as it is, or in the envelopes of SNS and EventBridge."""
    notification = {**NOTIFICATION, "Message": json.dumps(job)}
    return st.sampled_from([job, notification, {**EVENT, "detail": job}])


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """The value with something odd in one place of it."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(value)))
        return {**value, name: draw(changed(value[name]))}
    if isinstance(value, dict) and draw(st.booleans()):
        return {**value, draw(ODD_TEXTS): draw(ODD_VALUES)}
    if isinstance(value, str) and draw(st.booleans()):
        place = draw(st.integers(0, len(value)))
        return value[:place] + draw(ODD_TEXTS) + value[place:]
    return draw(ODD_VALUES)


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """The body of a message: JSON as hostile as a queue lets through, or no longer JSON."""
    job = draw(changed(draw(st.sampled_from([FIX, REVIEW, LOCAL]))))
    text = json.dumps(draw(envelopes(job)), ensure_ascii=True)
    damage = draw(st.sampled_from(["none", "none", "cut", "insert", "nest", "double", "digits"]))
    place = draw(st.integers(0, len(text)))
    match damage:
        case "cut":
            return text[:place]
        case "insert":
            return (
                text[:place]
                + draw(st.sampled_from(['"', "}", "\\", "\ufffd", "\t"]))
                + text[place:]
            )
        case "nest":
            return text.replace('"a-job"', "[" * 5_000 + "]" * 5_000)
        case "double":
            return text.replace("{", '{"issue_url": "x", "job_id": {}, ', 1)
        case "digits":
            return text.replace("1", "1" * 6_000)
    return text
