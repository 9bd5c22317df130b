"""Which tests are about an issue, and how a script is asked to run them."""

from repository.testing.run.commands import script_selections
from repository.testing.selection import CHOSEN_FILES, choose_tests


def test_a_small_suite_runs_whole_and_of_a_large_one_what_the_issue_is_about():
    files = [f"tests/test_{n:03}.py" for n in range(30)] + [
        "tests/test_parser.py",
        "tests/test_util.py",
        "tests/test_named.py",
    ]
    texts = {
        "tests/test_util.py": "from pkg.parser import parse\n",
        "tests/test_named.py": "def test_the_bug(): ...\n",
    }
    few = choose_tests(files[-3:], texts, dict.fromkeys(files, 10), ranking=(), issue="")
    assert few == ((), True)
    chosen, whole = choose_tests(
        files,
        texts,
        dict.fromkeys(files, 10),
        ranking=("src/pkg/parser.py",),
        issue="see test_the_bug",
    )
    assert not whole and set(chosen) == {
        "tests/test_parser.py",
        "tests/test_util.py",
        "tests/test_named.py",
    }
    assert chosen[0] == "tests/test_parser.py"
    lost, whole = choose_tests(files, {}, {}, ranking=(), issue="")
    assert len(lost) == CHOSEN_FILES and not whole


def test_a_script_is_given_modules_from_its_folder_on_then_their_tops_then_paths():
    assert script_selections("tests/runtests.py", ["tests/auth/test_x.py"]) == [
        ("auth.test_x",),
        ("auth",),
        ("tests/auth/test_x.py",),
    ]
    assert script_selections("bin/test", ["sympy/core/tests/test_x.py"]) == [
        ("sympy/core/tests/test_x.py",)
    ]
