"""What an earlier run showed serves a later one only as far as it is still true."""

from pathlib import Path

from repository.testing.detect.own_modules import OwnModules
from repository.testing.loading.findings import Findings, FindingsStore
from repository.testing.models import Addition
from tests.repository.testing.install.test_installer import RECIPE

STATED = Addition(requirement="pyyaml", reason="No module named 'yaml'")
GUESS = Addition(requirement="tabulate", reason="No module named 'tabulate'", is_guess=True)
FINDINGS = Findings.of(
    RECIPE.model_copy(update={"additions": (STATED, GUESS)}), alternatives_tried=False
)


def test_a_later_commit_of_the_same_recipe_gets_what_an_earlier_one_lacked(tmp_path: Path) -> None:
    FindingsStore(tmp_path, RECIPE).write(FINDINGS)
    later = RECIPE.model_copy(update={"base_sha": "2"})
    findings = FindingsStore(tmp_path, later).read()
    assert findings is not None
    assert findings.apply(later, OwnModules()).additions == (STATED, GUESS)
    month_later = RECIPE.committed_at + 31 * 86_400
    for update in ({"requirements": ("mock",)}, {"committed_at": month_later}):
        other = RECIPE.model_copy(update=update)
        assert FindingsStore(tmp_path, other).read() is None


def test_a_guess_that_the_repository_has_by_now_is_left_out() -> None:
    own = OwnModules.of(["src/tabulate/__init__.py"])
    assert FINDINGS.apply(RECIPE, own).additions == (STATED,)
