"""Test files that cover a patch's changes."""

from pathlib import Path

from repository.testing.covering import find_covering_tests
from repository.testing.models import Recipe
from repository.testing.selection import WHOLE_FILES
from tests.stages.workbench import Origin

TEST = "from shop.cart import total\n\n\ndef test_total():\n    assert total([]) == 0\n"
HELPER = "from shop.cart import total\n\n\nclass Command:\n    value = total([])\n"


def test_a_file_without_tests_covers_nothing(tmp_path: Path) -> None:
    files = {f"tests/test_{number}.py": "def test_it(): ...\n" for number in range(WHOLE_FILES)}
    files["shop/cart.py"] = "def total(items):\n    return 0\n"
    files["tests/test_cart.py"] = TEST
    files["tests/commands/test_command.py"] = HELPER
    origin = Origin(tmp_path, files)
    recipe = Recipe(
        repository="octo/shop",
        base_sha=origin.sha,
        committed_at=origin.checkout.committed_at,
        runner="pytest",
        python="3.11",
        patterns=("test_*.py",),
    )
    covering = find_covering_tests(origin.mirror, origin.sha, recipe, ["shop/cart.py"], [])
    assert covering == ["tests/test_cart.py"]

    elsewhere = recipe.model_copy(update={"folders": ("libs/other",)})
    assert not find_covering_tests(origin.mirror, origin.sha, elsewhere, ["shop/cart.py"], [])
