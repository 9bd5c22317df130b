"""Measure how many SWE-bench instances the pipeline resolves, and where it loses the others.

    python -m benchmarks.solve --instances FILE.jsonl --repos DIR --out DIR \\
        --model oracle|scripted:FILE|replay:DIR|NAME [--strategy NAME] \\
        [--only ID,...] [--sample N] [--jobs N] [--max-cost-usd USD] [--yes] \\
        [--without-tests] [--json OUT]

The DIR of --repos contains git repositories (bare or not, full history) named owner__name. The
DIR of --out gets rows.jsonl, and predictions.jsonl in SWE-bench's form, after each instance. The
same command continues where the last one stopped. docs/solve.md says what the figures mean.

``oracle`` answers with the reference change and, if that is sent back, adds its author's tests: it
measures everything except the model. The DIR of ``replay`` is the --out folder of an earlier
measurement, or any folder with recorded exchanges. NAME is a LiteLLM model name. An instance is
resolved if, with the change, all of FAIL_TO_PASS pass and none of PASS_TO_PASS fails, in the
environment that the run built itself.
"""

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks import report, solve_rows
from benchmarks.arguments import add_instances, make_parser
from benchmarks.estimate import estimate
from benchmarks.instances import (
    Instance,
    read_instances,
    sample_instances,
    select_instances,
)
from benchmarks.measurement import Measurement, UnusableFolder
from benchmarks.solve_rows import Row
from benchmarks.solver import ORACLE, Solver
from benchmarks.spending import MeasurementStopped, MeteredClient, total_spent_usd
from benchmarks.this_machine import load_settings
from cli import backends
from cli.stores import open_store
from pipeline.settings import Settings, SettingsError

#: Models that cost nothing.
_STAND_INS = (ORACLE, "scripted:", "replay:")
#: Settings that the results depend on.
_COMPARED = (
    "model",
    "strategy",
    "attempts",
    "attempt_models",
    "temperature",
    "max_cost_usd",
    "max_minutes",
    "max_rounds",
)


def _load_settings(arguments: argparse.Namespace) -> Settings:
    """Return the settings of the measurement.

    Raises:
        SettingsError: a setting is wrong, or would change the strategy.
    """
    out = arguments.out.resolve()
    strategy = arguments.strategy
    if arguments.model == ORACLE:
        strategy = "single"
    settings = load_settings(out, model=arguments.model, strategy=strategy)
    if settings.strategy == "agent" and settings.sandbox == "none":
        raise SettingsError(
            "CODING_AGENT_SANDBOX: none would measure the strategy single: choose another sandbox,"
            " or --strategy single"
        )
    return settings


def _parameters(settings: Settings) -> dict[str, Any]:
    """Return what the results depend on."""
    parameters = settings.model_dump(mode="json", include=set(_COMPARED))
    parameters["templates"] = backends.template_sets(settings).latest().set_hash
    if settings.models is not None:
        parameters["models"] = settings.models.read_text(encoding="utf-8")
    if settings.model_prices:
        parameters["model_prices"] = list(settings.model_prices)
    return parameters


def _open_measurement(arguments: argparse.Namespace, settings: Settings) -> Measurement:
    name = arguments.model.replace(":", "-")
    return Measurement(
        arguments.out,
        _parameters(settings),
        name=f"coding-agent-{settings.strategy}-{name}",
        tests_in_predictions=not arguments.without_tests,
    )


def _client(settings: Settings, limit_usd: float | None) -> MeteredClient | None:
    """Return the model's client; None for the oracle."""
    if settings.model == ORACLE:
        return None
    _, inner = backends.model_client(settings)
    store = open_store(settings)
    try:
        return MeteredClient(inner, limit_usd=limit_usd, spent_usd=total_spent_usd(store))
    finally:
        store.close()


def _measure(solver: Solver, instances: Sequence[Instance], lanes: int) -> str | None:
    """Return why the measurement stopped early; None if it did not."""
    try:
        return asyncio.run(_probe_and_run(solver, instances, lanes))
    except MeasurementStopped as stopped:
        return str(stopped)
    except KeyboardInterrupt:
        return "interrupted"


async def _probe_and_run(solver: Solver, instances: Sequence[Instance], lanes: int) -> str | None:
    model = solver.settings.model or ""
    if solver.client is not None and not model.startswith(_STAND_INS):
        await solver.client.probe(model)
    return await solver.run(instances, lanes)


def _confirm_cost(
    solver: Solver, instances: Sequence[Instance], arguments: argparse.Namespace
) -> None:
    """Show what a paid model will cost, and ask. Exits unless the answer is yes."""
    if arguments.model.startswith(_STAND_INS):
        return
    unfinished = solver.unfinished(instances)
    if unfinished:
        cost = estimate(solver.settings, len(unfinished))
        _ask(cost.describe(arguments.max_cost_usd), yes=arguments.yes)


def _ask(text: str, *, yes: bool) -> None:
    print(text, file=sys.stderr, flush=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise SystemExit("no model was called: add --yes to continue")
    print("Continue? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise SystemExit("no model was called")


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(__doc__)
    add_instances(parser)
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="the measurement's folder; an existing one is continued",
    )
    parser.add_argument(
        "--model", required=True, help="oracle, scripted:FILE, replay:DIR or a LiteLLM name"
    )
    parser.add_argument("--strategy", help="default: CODING_AGENT_STRATEGY; the oracle's is single")
    parser.add_argument("--only", help="instance ids, comma-separated")
    parser.add_argument(
        "--sample", type=int, help="sample about this many, proportionally by repository"
    )
    parser.add_argument("--jobs", type=int, default=1, help="number of instances to run at once")
    parser.add_argument(
        "--max-cost-usd",
        type=float,
        help="US dollars for the whole measurement, including earlier parts",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before money is spent")
    parser.add_argument(
        "--without-tests", action="store_true", help="leave tests out of the predictions"
    )
    parser.add_argument("--json", type=Path)
    return parser


def main() -> None:
    parser = _parser()
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    instances = select_instances(
        read_instances(arguments.instances), arguments.only, arguments.repos
    )
    instances = sample_instances(instances, arguments.sample)
    if not instances:
        parser.error("no instances")
    try:
        settings = _load_settings(arguments)
        with closing(_open_measurement(arguments, settings)) as measurement:
            client = _client(settings, arguments.max_cost_usd)
            solver = Solver(measurement, arguments.repos, settings, client)
            _confirm_cost(solver, instances, arguments)
            stopped = _measure(solver, instances, max(1, arguments.jobs))
            _report(measurement, instances, arguments.json)
    except (SettingsError, UnusableFolder) as error:
        parser.error(str(error))
    if stopped is not None:
        raise SystemExit(f"stopped: {stopped}. The same command continues from here")


def _report(measurement: Measurement, instances: Sequence[Instance], json: Path | None) -> None:
    rows: list[Row] = []
    for instance in instances:
        row = measurement.row(instance.instance_id)
        if row is not None:
            rows.append(row)
    if not rows:
        return
    totals = solve_rows.summary(rows)
    totals["not_measured"] = len(instances) - len(rows)
    result = report.report("solve", totals, [row.model_dump() for row in rows])
    report.write(result, json)
    solve_rows.show(rows, totals)


if __name__ == "__main__":
    main()
