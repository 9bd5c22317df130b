"""Measure what of a frontier model's recorded work the pipeline lets through.

    python -m benchmarks.trajectories --trajectories FILE.jsonl.gz --instances FILE.jsonl ... \\
        --repos DIR [--sample N] [--seed S] [--only ID,...] [--jobs J] [--work DIR] [--json OUT]

A stand-in model answers with the recorded commands, one after another, through the real loop,
sandbox, policy, tests and verdict. Then the instance's own tests judge the change. So everything
but the model is measured. Three rules keep the figures about this project:

- ``share_still_resolved`` counts the recordings that resolved their instance there and whose
  recorded change resolves it here too: others measure the environment.
- ``exit_agreement`` leaves out commands that fail here for want of a network, and tests that pass
  here and failed there; both are figures of their own, as are the verdicts.
- Changes are compared on the files of the base commit (``same_patch``), without those that the
  recorded machine's image had changed before the first command.

A replay is cut at the first command that had an effect on the repository there or here and not in
the other place. The DIR of --repos contains git repositories named owner__name. With the same
--work, a measurement that was stopped goes on.
"""

import argparse
import asyncio
import logging
import random
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import report
from benchmarks.arguments import make_parser
from benchmarks.instances import Instance, read_instances, why_no_base_commit
from benchmarks.recordings import Recording, read_recordings
from benchmarks.replayer import Case, Replayer, report_progress
from benchmarks.trajectory_rows import Row, RowFile, show, summary
from pipeline import settings as config
from pipeline.settings import SettingsError

_ROWS = "rows.jsonl"


def select_cases(
    instances: Sequence[Instance], recordings: dict[str, Recording], repos: Path
) -> list[Case]:
    """Return the instances that have a recording and whose base commit is here."""
    cases: list[Case] = []
    for instance in instances:
        recording = recordings.get(instance.instance_id)
        if recording is None:
            continue
        if why_no_base_commit(instance, repos) is None:
            cases.append(Case(instance, recording))
    left_out = len(recordings) - len(cases)
    if left_out:
        report_progress(f"left out: {left_out} recordings without an instance or a repository")
    return cases


def sample_cases(cases: Sequence[Case], number: int, seed: int) -> list[Case]:
    """Return about ``number`` cases at random, proportionally by repository, at least one of each.

    Cases that can be judged come first: only they tell whether a change still resolves.
    """
    order = random.Random(seed)
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        groups[case.instance.repo].append(case)
    sample: list[Case] = []
    for group in groups.values():
        order.shuffle(group)
        group.sort(key=lambda case: not case.instance.fail_to_pass)
        share = max(1, round(number * len(group) / len(cases)))
        sample.extend(group[:share])
    return sample


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(__doc__)
    parser.add_argument("--trajectories", type=Path, required=True, help="recorded runs, gzip")
    parser.add_argument(
        "--instances",
        type=Path,
        nargs="+",
        required=True,
        help="files with one JSON object per line, as in SWE-bench",
    )
    parser.add_argument("--repos", type=Path, required=True)
    parser.add_argument("--only", help="instance ids, comma-separated")
    parser.add_argument(
        "--sample",
        type=int,
        help="sample about this many, proportionally by repository; those with listed tests first",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--jobs", type=int, default=1, help="number of runs at once")
    parser.add_argument(
        "--work",
        type=Path,
        help="keep rows, logs and caches here, and go on from there (default: a temporary folder)",
    )
    parser.add_argument("--json", type=Path)
    return parser


def _cases(arguments: argparse.Namespace) -> list[Case]:
    instances: list[Instance] = []
    for file in arguments.instances:
        instances += read_instances(file)
    cases = select_cases(instances, read_recordings(arguments.trajectories), arguments.repos)
    if arguments.only:
        ids = arguments.only.split(",")
        return [case for case in cases if case.instance.instance_id in ids]
    if arguments.sample is not None and arguments.sample < len(cases):
        return sample_cases(cases, arguments.sample, arguments.seed)
    return cases


def _data_dir() -> Path:
    """Return the folder where runs usually work: below /tmp, /tmp itself would not last."""
    folder = config.load({}).data_dir
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _replay(cases: Sequence[Case], arguments: argparse.Namespace, work: Path) -> list[Row]:
    """Replay the cases that have no row in ``work``, and return the rows of all."""
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=work))
    file = RowFile(work / _ROWS)
    finished = [name for name, row in file.read().items() if not row.broken]
    waiting = [case for case in cases if case.instance.instance_id not in finished]
    replayer = Replayer(arguments.repos, work, folder, file)
    asyncio.run(replayer.run(waiting, max(1, arguments.jobs)))
    rows = file.read()
    return [rows[case.instance.instance_id] for case in cases]


def main() -> None:
    parser = _parser()
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    cases = _cases(arguments)
    if not cases:
        parser.error("no instance has a recording and a repository")
    with ExitStack() as stack:
        work = arguments.work
        if work is None:
            temporary = tempfile.TemporaryDirectory(prefix="trajectories-", dir=_data_dir())
            work = Path(stack.enter_context(temporary))
        work.mkdir(parents=True, exist_ok=True)
        try:
            rows = _replay(cases, arguments, work.resolve())
        except SettingsError as error:
            parser.error(str(error))
    document = report.report(
        "trajectories", summary(rows), [row.model_dump(mode="json") for row in rows]
    )
    report.write(document, arguments.json)
    show(rows, document["summary"])


if __name__ == "__main__":
    main()
