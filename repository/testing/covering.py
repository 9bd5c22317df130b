"""Test files about what a patch changes, beside those that were chosen before there was a patch."""

from collections.abc import Iterable

from repository.files import belongs_to_tests, is_test_file
from repository.git import Mirror
from repository.testing.models import Recipe
from repository.testing.selection import choose_tests

MORE_FILES = 4
_READ_FILES = 600
_READ_BYTES = 300_000


def covering(
    mirror: Mirror, sha: str, recipe: Recipe, changed: Iterable[str], chosen: Iterable[str]
) -> list[str]:
    """By their names and imports; likeliest first."""
    sources = [path for path in changed if not belongs_to_tests(path, recipe.patterns)]
    entries = [
        one
        for one in mirror.files(sha)
        if is_test_file(one.path, recipe.patterns) and one.size <= _READ_BYTES
    ]
    entries = entries[:_READ_FILES]
    if not sources or not entries:
        return []
    contents = mirror.read_many([one.sha for one in entries])
    texts = {
        one.path: data.decode(errors="replace") for one, data in zip(entries, contents, strict=True)
    }
    found, whole = choose_tests(
        list(texts),
        texts,
        {one.path: one.size for one in entries},
        ranking=sources,
        issue="",
        fill=False,
    )
    already = set(chosen)
    return [] if whole else [path for path in found if path not in already][:MORE_FILES]
