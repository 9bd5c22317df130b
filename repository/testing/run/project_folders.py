"""Runs of a repository with several projects: each project's tests run in its own folder.

Paths of tests are relative to the repository's root outside of a run, and to the project's folder
inside it. In reports, ids of tests in another folder than the root are prefixed with it.
"""

from collections.abc import Collection, Iterable, Sequence

from repository.testing.run.reports.results import ReportResults

ROOT = ""


def group_by_folder(folders: Sequence[str], tests: Collection[str]) -> dict[str, list[str]]:
    """Return project folder -> its tests, relative to it; without tests, all folders.

    A test belongs to the deepest folder that contains it. One that no folder contains is left out:
    the result is empty if all are.
    """
    if not tests:
        return {folder: [] for folder in folders}
    groups: dict[str, list[str]] = {}
    for test in tests:
        folder = deepest_folder(folders, test)
        if folder is not None:
            groups.setdefault(folder, []).append(_relative(test, folder))
    return groups


def folders_below(folders: Iterable[str], folder: str) -> list[str]:
    """Return the other project folders inside ``folder``, relative to it."""
    inside = [other for other in folders if other != folder and contains(folder, other)]
    return [_relative(other, folder) for other in inside]


def add_folder(results: ReportResults, folder: str) -> ReportResults:
    """Return the results of a run in ``folder`` with ids that name it."""
    if folder == ROOT:
        return results
    return ReportResults(
        statuses={_qualify(test, folder): value for test, value in results.statuses.items()},
        failures={_qualify(test, folder): text for test, text in results.failures.items()},
        skip_reasons=results.skip_reasons,
    )


def leave_out(results: ReportResults, folders: Collection[str]) -> ReportResults:
    """Return the results without those of test files in these folders.

    The runners of JavaScript find tests in the folders of other projects, too.
    """
    if not folders:
        return results
    prefixes = tuple(f"{folder}/" for folder in folders)
    kept = {test for test in results.statuses if not test.removeprefix("::").startswith(prefixes)}
    return ReportResults(
        statuses={test: value for test, value in results.statuses.items() if test in kept},
        failures={test: text for test, text in results.failures.items() if test in kept},
        skip_reasons=results.skip_reasons,
    )


def _qualify(test: str, folder: str) -> str:
    if test.startswith("::"):
        return f"::{folder}/{test.removeprefix('::')}"
    return f"{folder}/{test}"


def deepest_folder(folders: Sequence[str], test: str) -> str | None:
    """Return the folder to which a test belongs; None if no folder contains it."""
    containing = [folder for folder in folders if contains(folder, test)]
    return max(containing, key=len, default=None)


def contains(folder: str, path: str) -> bool:
    return folder == ROOT or path == folder or path.startswith(f"{folder}/")


def _relative(path: str, folder: str) -> str:
    """Return a path in ``folder`` relative to it; the folder itself is ``.``."""
    if folder == ROOT:
        return path
    return path.removeprefix(folder).removeprefix("/") or "."
