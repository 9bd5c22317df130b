"""The selection of test files for an issue."""

from repository.testing.selection import CHOSEN_FILES, choose_tests

FILLER = [f"tests/test_{number:03}.py" for number in range(30)]
RELATED = ["tests/test_parser.py", "tests/test_util.py", "tests/test_named.py"]
FILES = FILLER + RELATED
TEXTS = {
    "tests/test_util.py": "from pkg.parser import parse\n",
    "tests/test_named.py": "def test_the_bug(): ...\n",
}
SIZES = dict.fromkeys(FILES, 10)


def test_a_small_suite_runs_whole() -> None:
    assert choose_tests(RELATED, TEXTS, SIZES, ranking=(), issue="") == ((), True)


def test_a_large_suite_is_cut_to_files_about_the_issue() -> None:
    ranking = ("src/pkg/parser.py",)
    chosen, whole = choose_tests(FILES, TEXTS, SIZES, ranking=ranking, issue="see test_the_bug")
    assert not whole
    assert set(chosen) == set(RELATED)
    assert chosen[0] == "tests/test_parser.py"


def test_some_files_are_chosen_if_none_is_relevant_to_the_issue() -> None:
    chosen, whole = choose_tests(FILES, {}, {}, ranking=(), issue="")
    assert len(chosen) == CHOSEN_FILES
    assert not whole
