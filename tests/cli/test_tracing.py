"""Traces of the command line: sent to the collector that OpenTelemetry's variables name."""

import builtins
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.console import ROOT, Console, Sample
from tests.stand_ins.otlp import Collector

KEY = "0123456789abcdef"


@pytest.fixture
def collector(console: Console, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address)
        yield collector


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that lacks the extra ``otel``."""
    real_import = builtins.__import__

    def fail(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ImportError(name)
        return real_import(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", fail)


def check_of_traces(console: Console, code: int) -> dict[str, Any] | None:
    checks = console.json("doctor", "--json", "--offline", code=code)["checks"]
    return next((check for check in checks if check["name"] == "traces"), None)


def test_fix_sends_its_spans_before_it_ends(
    console: Console, sample: Sample, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "fixer")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-team-key={KEY}")
    result = console.run(*sample.fix)
    assert result.exit_code == 0, result.output
    names = [name for received in collector.received for name in received.spans]
    assert {"run", "delivery", "stage propose_patch"} <= set(names)
    first = collector.received[0]
    assert (first.path, first.service) == ("/v1/traces", "fixer")
    assert first.headers["x-team-key"] == KEY


def test_a_collector_that_is_down_does_not_stop_a_run(
    console: Console, sample: Sample, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.telemetry.otel.CLOSE_SECONDS", 0.2)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-team-key={KEY}")
    result = console.run(*sample.fix)
    assert result.exit_code == 0, result.output
    assert KEY not in result.output


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")]
)
def test_the_standard_switches_turn_traces_off(
    console: Console,
    sample: Sample,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
) -> None:
    monkeypatch.setenv(name, value)
    assert console.run(*sample.fix).exit_code == 0
    assert collector.received == []


def test_doctor_shows_where_traces_go_and_no_header(
    console: Console, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = collector.address.replace("://", f"://user:{KEY}@")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{address}?key={KEY}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-team-key={KEY}")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    check = check_of_traces(console, code=2)
    assert check is not None and check["ok"]
    assert check["found"] == (
        f"sent to {collector.address}, OTEL_TRACES_SAMPLER=always_on,"
        " OTEL_EXPORTER_OTLP_HEADERS (set)"
    )
    assert KEY not in json.dumps(check)


def test_doctor_says_nothing_of_traces_that_nobody_wants(console: Console) -> None:
    assert check_of_traces(console, code=2) is None


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "http/json is not supported"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4317", "ENDPOINT=http://HOST:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://[::1", "ENDPOINT=http://HOST:4318"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5000", "max_export_batch_size must be"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT must be"),
    ],
)
def test_doctor_says_which_variable_to_correct(
    console: Console,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    advice: str,
) -> None:
    monkeypatch.setenv(name, value)
    check = check_of_traces(console, code=2)
    assert check is not None and not check["ok"]
    assert advice in check["mend"]


def test_with_a_wrong_variable_a_run_goes_on_and_says_so(
    console: Console, sample: Sample, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5000")
    result = console.run(*sample.fix)
    assert result.exit_code == 0, result.output
    assert "no traces are sent: correct the variables OTEL_*" in result.stderr
    assert collector.received == []


@pytest.mark.parametrize(
    ("name", "value", "warning"),
    [
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many", "OTEL_BSP_MAX_QUEUE_SIZE as integer"),
        ("OTEL_TRACES_SAMPLER", "some", "Couldn't recognize sampler some"),
        ("OTEL_EXPORTER_OTLP_HEADERS", f"key: {KEY}", "Header format invalid"),
    ],
)
def test_doctor_passes_on_what_opentelemetry_says_of_a_variable(
    console: Console,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    warning: str,
) -> None:
    monkeypatch.setenv(name, value)
    check = check_of_traces(console, code=2)
    assert check is not None and check["ok"]
    assert warning in check["found"]
    assert KEY not in check["found"]


def test_without_the_extra_a_run_goes_on_and_doctor_says_what_to_install(
    console: Console, sample: Sample, collector: Collector, without_extra: None
) -> None:
    assert console.run(*sample.fix).exit_code == 0
    assert collector.received == []
    check = check_of_traces(console, code=2)
    assert check is not None and not check["ok"]
    assert "install the extra 'otel': " in check["mend"]


def test_without_an_endpoint_opentelemetry_is_not_imported() -> None:
    program = (
        "import sys, cli.fix, cli.serving, cli.wiring, cli.worker\n"
        "from cli.tracing import open_tracer\n"
        "with open_tracer(str):\n"
        "    print([name for name in sys.modules if name.startswith('opentelemetry')])\n"
    )
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("OTEL_")
    }
    process = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert process.stdout == "[]\n"
