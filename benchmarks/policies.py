"""Measure how the policies of real repositories on AI are read.

    python -m benchmarks.policies --repos DIR [--cases FILE.yaml] [--json OUT]

DIR contains git repositories (bare or not) named owner__name, of which the newest commit is read;
those that are missing are left out. FILE has two lists of repositories: ``forbids``, whose files
forbid contributions that a model made without a person, and ``permits``, whose files don't. By
default it is ``policies.yaml`` beside this file, as its repositories were read in 2026. ``found``
is the share of the former that are taken for a ban, ``refused`` the share of the latter.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from benchmarks import report
from benchmarks.arguments import make_parser
from benchmarks.instances import find_source
from repository.ai_policy import AiPolicy, read_ai_policy, select_policy_files
from repository.git import Mirror
from repository.text_encoding import read_text

CASES = Path(__file__).with_suffix(".yaml")


class Cases(BaseModel):
    """Repositories, as OWNER/NAME."""

    model_config = ConfigDict(extra="forbid")

    forbids: tuple[str, ...]
    permits: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    repo: str
    forbids: bool
    """What its files say."""
    quote: str | None
    """What is taken for a ban; None if nothing is."""

    @property
    def is_right(self) -> bool:
        return self.forbids == (self.quote is not None)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument(
        "--repos", type=Path, required=True, help="repositories, in folders owner__name"
    )
    parser.add_argument("--cases", type=Path, default=CASES)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    cases = Cases.model_validate(yaml.safe_load(arguments.cases.read_text(encoding="utf-8")))
    rows = measure(cases, arguments.repos)
    if not rows:
        parser.error(f"{arguments.repos} has none of the repositories")

    summary = summarize(rows)
    wrong = [(row.repo, row.forbids, row.quote) for row in rows if not row.is_right]
    report.show("misread", ["repository", "forbids", "quoted"], wrong, summary)
    report.write(report.report("policies", summary, [asdict(row) for row in rows]), arguments.json)


def measure(cases: Cases, repos: Path) -> list[Row]:
    """Read the policy of each repository that is there."""
    expected = dict.fromkeys(cases.forbids, True) | dict.fromkeys(cases.permits, False)
    rows: list[Row] = []
    for repo, forbids in expected.items():
        source = find_source(repos, repo)
        if source is not None:
            quote = read_policy(source).forbidden_by
            rows.append(Row(repo, forbids, None if quote is None else str(quote)))
    return rows


def read_policy(source: Path) -> AiPolicy:
    """Return what the files of a repository's newest commit say."""
    work_tree_folder = source / ".git"
    mirror = Mirror(work_tree_folder if work_tree_folder.exists() else source, lambda: None)
    texts: dict[str, str] = {}
    for path in select_policy_files(mirror.paths("HEAD")):
        data = mirror.read("HEAD", path)
        if data is not None:
            texts[path] = read_text(data)
    return read_ai_policy(texts)


def summarize(rows: list[Row]) -> dict[str, float]:
    forbidding = [row for row in rows if row.forbids]
    permitting = [row for row in rows if not row.forbids]
    summary: dict[str, float] = {"forbidding": len(forbidding), "permitting": len(permitting)}
    if forbidding:
        summary["found"] = sum(row.is_right for row in forbidding) / len(forbidding)
    if permitting:
        summary["refused"] = sum(not row.is_right for row in permitting) / len(permitting)
    return summary


if __name__ == "__main__":
    main()
