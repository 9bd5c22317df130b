import asyncio
import io
import json
import logging

from pipeline import telemetry

KEY = "-----BEGIN KEY-----\nc2VjcmV0IHNlY3JldA==\n-----END KEY-----"


def message_only(line: telemetry.LogLine) -> str:
    return line.message


async def test_line_is_json_and_names_its_run_in_tasks_and_threads(stream: io.StringIO):
    telemetry.configure(stream=stream)
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


def test_no_secret_reaches_a_line_its_fields_or_its_traceback(stream: io.StringIO):
    telemetry.configure(stream=stream, secrets=["ghp_token1", KEY, "", "abc"])
    with telemetry.bound(stage="abc", path="/ghp_token1"):
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
    telemetry.configure(form=message_only, stream=stream)
    telemetry.configure(form=message_only, level="warning", stream=stream)
    logging.getLogger("x").info("quiet")
    logging.getLogger("x").warning("loud")
    assert stream.getvalue() == "loud\n"


def test_only_json_lines_hold_metrics(stream: io.StringIO):
    for form in (message_only, telemetry.json_line):
        telemetry.configure(form=form, stream=stream)
        logging.getLogger(telemetry.METRICS).info("metrics", extra={"fields": {"runs": 1}})
    assert json.loads(stream.getvalue())["runs"] == 1
