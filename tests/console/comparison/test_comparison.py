"""Two template sets compared on the same issues."""

from console.comparison.comparison import Comparison, Side, compare_templates
from console.comparison.trials import Case
from console.comparison.wording import describe_certainty, describe_changes
from pipeline.outcome import Outcome
from prompts.template_set import TemplateSet
from tests.console.comparison.cases import case, trial

A = Side("shipped", "a" * 64)
B = Side("./mine", "b" * 64)


def compare(*cases: Case, unfinished: int = 0) -> Comparison:
    return Comparison.of(A, B, cases, template_changes=(), unfinished=unfinished)


def test_what_got_worse_comes_first_and_what_stayed_the_same_last() -> None:
    comparison = compare(
        case(trial(), trial(), 1),
        case(trial(None), trial(), 2),
        case(trial(), trial(None), 3),
        case(trial(), trial(None), 4),
    )
    assert [each.issue for each in comparison.cases] == [
        "octo/repo#3",
        "octo/repo#4",
        "octo/repo#2",
        "octo/repo#1",
    ]
    assert describe_changes(comparison) == "2 issues got worse, 1 got better, 1 stayed the same"


def test_issues_that_were_not_finished_with_both_sets_are_counted_apart() -> None:
    failed = trial(None, outcome=Outcome.FAILED)
    comparison = compare(case(trial(), trial(), 1), case(trial(), failed, 2), unfinished=1)
    assert [each.issue for each in comparison.cases] == ["octo/repo#1"]
    assert comparison.left_out == 2


def test_a_difference_that_may_be_chance_is_called_so() -> None:
    few = compare(case(trial(), trial(None))).statistics
    assert describe_certainty(few).startswith(
        "A resolved 1 of 1 issue, B 0. The difference may be chance"
    )
    many = compare(*(case(trial(), trial(None), number) for number in range(1, 31))).statistics
    assert "chance" not in describe_certainty(many)


def test_templates_are_compared_file_by_file() -> None:
    shipped = TemplateSet.load()
    changed = shipped.files["propose.md.j2"].replace("# Task\n", "# Task\n\nBe brief.\n")
    mine = TemplateSet({**shipped.files, "propose.md.j2": changed})
    (change,) = compare_templates(shipped, mine)
    assert (change.path, change.added, change.removed) == ("propose.md.j2", 2, 0)
    assert compare_templates(shipped, shipped) == ()
