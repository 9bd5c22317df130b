"""A comparison of two sets of templates as text."""

from cli.prompts.comparison_text import describe
from console.comparison.comparison import Comparison, Side
from tests.console.comparison.cases import case, trial

EXPECTED = """\
1 issue got worse, 1 got better, 1 stayed the same
  worse: octo/repo#1, red to green -> no_fix (run job-1/0)
  better: octo/repo#2, no_fix -> red to green (run job-2/0)

                    A          B        B - A  95 %
resolved            2          2    +0 points  -68 to +68 points
cost          $0.1000    $0.2000      +0.1000  too few issues
rounds           1.00       1.00        +0.00  too few issues
only A resolved 1, only B 1: McNemar p = 1.000 over 3 issues"""


def test_the_issues_that_got_worse_come_first_then_the_numbers() -> None:
    costly = trial(cost_usd=0.2)
    cases = [
        case(trial(), costly, 3),
        case(trial(None), costly, 2),
        case(trial(), trial(None, cost_usd=0.2), 1),
    ]
    comparison = Comparison.of(Side("a", None), Side("b", None), cases, template_changes=())
    assert "\n".join(describe(comparison)) == EXPECTED


def test_a_hostile_name_has_no_effect_on_the_terminal() -> None:
    hostile = case(trial(), trial(None), issue="\x1b[2Jocto/repo#1")
    comparison = Comparison.of(Side("a", None), Side("b", None), [hostile], template_changes=())
    assert "\x1b" not in "".join(describe(comparison))
