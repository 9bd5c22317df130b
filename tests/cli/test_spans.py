"""The spans of whole runs of ``fix``: they are the timeline of the run's page, and hold no text."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cli.backends import open_artifacts
from cli.stores import open_store
from console.runs.report import ReportReader
from console.runs.spans import Span, SpanKind
from console.runs.timeline import Timeline
from pipeline.budget import EffectiveLimits
from pipeline.settings import load
from tests.cli.console import Console, Sample
from tests.end_to_end.service import FIX
from tests.stand_ins.spans import SpanNode, Spans

#: Seconds by which the times in the store may differ from those of the spans: some are written
#: before a span ends, some after, and the machine may be busy.
TOLERANCE = 1.0
#: Seconds that the first step's command takes.
FIRST_STEP = 1
#: What is in the prompt, the reply, the repository, the environment and the tests' output.
SECRET = "ghp_0123456789recognisable"
TEXTS = (SECRET, "subtracts", "sign was wrong", "return a - b", "test_add", "double(2)", "sed -i")
#: The part of a run that a span shows, by the beginning of its name.
_KINDS: dict[str, SpanKind] = {
    "run": "run",
    "delivery": "delivery",
    "round": "round",
    "stage": "stage",
    "step": "step",
    "chat": "call",
}
WRONG = FIX.replace("return a + b", "return a - b - 1")


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Spans:
    """What a run in this process records."""
    spans = Spans(secrets=[SECRET])

    @contextmanager
    def open_tracer(redact: object) -> Iterator[object]:
        yield spans.tracer

    monkeypatch.setattr("cli.tracing.open_tracer", open_tracer)
    monkeypatch.setenv("GITHUB_TOKEN", SECRET)
    return spans


def calls(*calls: tuple[str, dict[str, object]]) -> dict[str, object]:
    """Return a reply of the model that calls tools, which it gives once."""
    called = [{"name": name, "arguments": arguments} for name, arguments in calls]
    return {"reply": "", "tool_calls": called, "times": 1, "cost_usd": 0.001}


AGENT = [
    calls(("bash", {"command": f"cat calc.py && sleep {FIRST_STEP}"})),
    calls(("bash", {"command": "sed -i 's/a - b/a + b/' calc.py"})),
    calls(("submit", {"summary": "The sign was wrong."})),
    calls(("submit", {"summary": "The sign was wrong."})),
]
TWO_ROUNDS = [{"reply": WRONG, "times": 1, "cost_usd": 0.01}, {"reply": FIX, "cost_usd": 0.01}]


def run_fix(console: Console, sample: Sample, script: list[dict[str, object]]) -> None:
    path = console.folder / "script.json"
    path.write_text(json.dumps(script))
    result = console.run(*sample.fix[:-1], f"scripted:{path}", "--dry-run")
    assert "proposed" in result.stdout, result.output


def read_timeline(sample: Sample) -> Timeline:
    settings = load()
    store = open_store(settings)
    try:
        run = store.run(sample.job.id)
        assert run is not None
        ceiling = EffectiveLimits(3.0, 60.0, 4)
        reader = ReportReader(store, open_artifacts(settings), lambda text: text, ceiling)
        return reader.read(run).timeline
    finally:
        store.close()


@pytest.mark.parametrize(
    ("strategy", "script", "rounds", "steps"),
    [("single", TWO_ROUNDS, 2, 0), ("agent", AGENT, 1, 4)],
)
def test_a_trace_is_the_timeline_of_the_page(
    console: Console,
    sample: Sample,
    spans: Spans,
    monkeypatch: pytest.MonkeyPatch,
    strategy: str,
    script: list[dict[str, object]],
    rounds: int,
    steps: int,
) -> None:
    monkeypatch.setenv("CODING_AGENT_STRATEGY", strategy)
    run_fix(console, sample, script)
    shown = [span for span in read_timeline(sample).spans if span.kind != "wait"]
    root = spans.root()
    recorded = [node for node in root.walk() if kind_of(node) is not None]
    assert [kind_of(node) for node in recorded] == [span.kind for span in shown]
    assert len([span for span in shown if span.kind == "round"]) == rounds
    assert len([span for span in shown if span.kind == "step"]) == steps
    assert parents_of_nodes(root) == parents_of_spans(shown)
    for node, span in zip(recorded, shown, strict=True):
        assert name_of(node) == name_of_span(span)
        assert node.began == pytest.approx(span.start, abs=TOLERANCE), span
        # The store knows of a stage that ended the run only when the outcome was stored, after the
        # page had been made.
        if span.state != "ended the run":
            assert span.seconds is not None
            assert node.seconds == pytest.approx(span.seconds, abs=TOLERANCE), span
    if steps:
        durations = [node.seconds for node in recorded if kind_of(node) == "step"]
        shown_durations = [span.seconds or 0.0 for span in shown if span.kind == "step"]
        assert durations[0] > FIRST_STEP and shown_durations[0] > FIRST_STEP


def kind_of(node: SpanNode) -> SpanKind | None:
    """Return what the page calls it; None for what it does not show: git and sandbox."""
    return _KINDS.get(node.name.partition(" ")[0])


def name_of(node: SpanNode) -> str:
    match kind_of(node):
        case "stage":
            return str(node.attributes["coding_agent.stage"])
        case "round":
            return f"round {node.attributes['coding_agent.round']}"
        case "step":
            return f"step {node.attributes['coding_agent.step']}"
        case "delivery":
            return f"delivery {node.attributes['coding_agent.delivery']}"
        case "call":
            return str(node.attributes["gen_ai.request.model"])
        case _:
            return node.name


def name_of_span(span: Span) -> str:
    return span.detail if span.kind == "call" else span.name


def parents_of_nodes(root: SpanNode) -> list[tuple[str, str]]:
    """Return (parent, child) by name, in the order in which the children begin."""
    pairs = []
    for node in root.walk():
        for child in node.children:
            if kind_of(child) is not None:
                pairs.append((name_of(node), name_of(child)))
    return pairs


def parents_of_spans(shown: list[Span]) -> list[tuple[str, str]]:
    """Return the same of a timeline, whose spans contain others by their times."""
    pairs = []
    for span in shown:
        for child in shown:
            if smallest_around(child, shown) is span:
                pairs.append((name_of_span(span), name_of_span(child)))
    return pairs


def smallest_around(child: Span, shown: list[Span]) -> Span | None:
    middle = child.start + (child.seconds or 0.0) / 2
    order = list(_KINDS.values())
    around = []
    for span in shown:
        is_outer = order.index(span.kind) < order.index(child.kind)
        if is_outer and span.start <= middle <= (span.end or 0.0):
            around.append(span)
    return max(around, key=lambda span: order.index(span.kind), default=None)


def test_git_and_sandbox_commands_are_inside_their_stages(
    console: Console, sample: Sample, spans: Spans
) -> None:
    run_fix(console, sample, TWO_ROUNDS)
    root = spans.root()
    (checkout,) = root.named("stage checkout")
    assert checkout.named("git fetch")
    (tests,) = [node for node in root.named("stage run_tests") if not is_sent_back(node)]
    commands = tests.named("sandbox")
    assert commands and all("process.exit.code" in node.attributes for node in commands)


def is_sent_back(node: SpanNode) -> bool:
    return node.attributes.get("coding_agent.ending") == "back"


def test_a_model_call_has_the_attributes_of_the_genai_conventions(
    console: Console, sample: Sample, spans: Spans
) -> None:
    run_fix(console, sample, TWO_ROUNDS)
    (first, _second) = [node for node in spans.root().walk() if kind_of(node) == "call"]
    model = str(first.attributes["gen_ai.request.model"])
    assert first.name == f"chat {model}"
    assert first.span.kind.name == "CLIENT"
    assert first.attributes["gen_ai.operation.name"] == "chat"
    assert first.attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert first.attributes["coding_agent.cost_usd"] == 0.01
    for tokens in ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"):
        count = first.attributes[tokens]
        assert isinstance(count, int) and count > 0


@pytest.mark.parametrize(("strategy", "script"), [("single", TWO_ROUNDS), ("agent", AGENT)])
def test_no_prompt_no_reply_no_file_and_no_secret_is_in_a_span(
    console: Console,
    sample: Sample,
    spans: Spans,
    monkeypatch: pytest.MonkeyPatch,
    strategy: str,
    script: list[dict[str, object]],
) -> None:
    monkeypatch.setenv("CODING_AGENT_STRATEGY", strategy)
    run_fix(console, sample, script)
    everything = "".join(span.to_json() for span in spans.all)
    assert len(spans.all) > 20
    assert [text for text in TEXTS if text in everything] == []
