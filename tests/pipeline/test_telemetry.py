import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest

from pipeline import telemetry

KEY = "-----BEGIN KEY-----\nc2VjcmV0IHNlY3JldA==\n-----END KEY-----"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers = root.handlers[:]
    level = root.level
    for handler in handlers:
        root.removeHandler(handler)
    try:
        yield io.StringIO()
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


async def test_line_is_json_and_names_its_run_in_tasks_and_threads(stream: io.StringIO):
    telemetry.configure(as_json=True, stream=stream)
    log = logging.getLogger("pipeline.somewhere")
    with telemetry.bound(job_id="j1"), telemetry.bound(generation=2):
        await asyncio.create_task(asyncio.to_thread(log.warning, "%d of %d", 1, 2))
    log.info("outside")
    first, second = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "warning",
        "logger": "pipeline.somewhere",
        "message": "1 of 2",
        "job_id": "j1",
        "generation": 2,
    }
    assert "job_id" not in second


@pytest.mark.parametrize("as_json", [True, False])
def test_no_secret_reaches_a_line_or_its_traceback(stream: io.StringIO, as_json: bool):
    telemetry.configure(as_json=as_json, stream=stream, secrets=["ghp_token1", KEY, "", "abc"])
    with telemetry.bound(stage="abc"):
        try:
            raise ValueError(f"refused: ghp_token1, {KEY}")
        except ValueError:
            logging.getLogger("x").exception("with %s and %r", "ghp_token1", KEY)
    output = stream.getvalue()
    assert "ghp_token1" not in output
    assert "c2VjcmV0" not in output
    assert "BEGIN KEY" not in output
    assert "[redacted]" in output
    assert "ValueError" in output
    assert "abc" in output, "a value this short is no secret"


def test_configuring_twice_writes_each_line_once_and_keeps_the_level(stream: io.StringIO):
    telemetry.configure(as_json=False, stream=stream)
    telemetry.configure(as_json=False, level="warning", stream=stream)
    logging.getLogger("x").info("quiet")
    logging.getLogger("x").warning("loud")
    assert [line.partition(": ")[2] for line in stream.getvalue().splitlines()] == ["loud"]


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("OPENAI_API_KEY", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("AWS_ACCESS_KEY_ID", True),
        ("GITHUB_TOKEN", True),
        ("HUGGINGFACE_APIKEY", True),
        ("CODING_AGENT_API_KEYS", True),
        ("AWS_REGION", False),
        ("TOKENIZERS_PARALLELISM", False),
        ("MAX_TOKENS", False),
    ],
)
def test_variable_is_secret_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, is_secret: bool
):
    monkeypatch.setenv(name, "a-value-of-it")
    assert (name in telemetry.environment_secrets()) is is_secret
