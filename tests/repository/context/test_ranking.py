"""The ranking of files for an issue."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repository.context.query import Query, terms_of
from repository.context.ranking import rank
from repository.context.sources import SourceFile
from repository.files import Kind, kind_of

SHOP = {
    "shop/cart.py": "class Cart:\n    def checkout_total(self):\n        return sum(self.prices)\n",
    "shop/stock.py": "def reserve(item):\n    return item\n",
    "shop/vendor/cart.py": "def checkout_total(): ...\n",
    "tests/test_cart.py": "def test_total():\n    assert Cart().checkout_total() == 0\n",
    "README.md": "The cart's checkout_total sums prices.\n",
}
SAME_TEXT = "def total(items):\n    return wrong_sum\n"
EQUAL_FILES = dict.fromkeys(["shop/a.py", "shop/b.py", "shop/c.py"], SAME_TEXT)


def ranked_paths(issue: str, files: dict[str, str]) -> list[str]:
    title, _, _ = issue.partition("\n")
    sources = []
    for path, text in files.items():
        sources.append(SourceFile(path, kind_of(path) or Kind.OTHER, text))
    return [file.path for file in rank(sources, Query.from_issue(title, issue))]


@pytest.mark.parametrize(
    ("word", "terms"),
    [
        ("HTTPResponse_code", ("httpresponse_code", "http", "response", "code")),
        ("cart", ("cart",)),
        ("_x", ()),
    ],
)
def test_identifier_counts_as_a_whole_and_in_parts(word: str, terms: tuple[str, ...]) -> None:
    assert terms_of(word) == terms


def test_file_that_defines_what_the_issue_names_ranks_first() -> None:
    assert ranked_paths("checkout_total is wrong for an empty Cart", SHOP)[0] == "shop/cart.py"


@pytest.mark.parametrize(
    "issue",
    [
        "Wrong sum\n\nsee shop/b.py",
        "Wrong sum\n\nsee b.py",
        "Wrong sum\n\nimport shop.b.total",
        'Wrong sum\n\n  File "/usr/lib/python3/site-packages/shop/b.py", line 3, in total\n    x',
    ],
)
def test_named_file_ranks_before_equal_ones(issue: str) -> None:
    assert ranked_paths(issue, EQUAL_FILES)[0] == "shop/b.py"


def test_last_frame_of_a_traceback_ranks_before_the_others() -> None:
    issue = (
        "Wrong sum\n"
        ' File "/x/shop/c.py", line 1, in f\n'
        ' File "/x/shop/b.py", line 3, in g\n'
        "ValueError"
    )
    assert ranked_paths(issue, EQUAL_FILES) == ["shop/b.py", "shop/c.py", "shop/a.py"]


def test_name_shared_by_many_files_identifies_none_of_them() -> None:
    files = {f"package{number}/util.py": SAME_TEXT for number in range(6)}
    issue = "Wrong sum in util.py"
    assert ranked_paths(issue, files) == sorted(files)


@settings(deadline=None, max_examples=50)
@given(
    st.text(max_size=300),
    st.dictionaries(st.sampled_from(["a/b.py", "b.py", "tests/b.py", "x.md"]), st.text()),
)
def test_each_path_is_ranked_at_most_once(issue: str, files: dict[str, str]) -> None:
    paths = ranked_paths(issue, files)
    assert len(set(paths)) == len(paths)
    assert set(paths) <= set(files)


@pytest.mark.parametrize(
    "text",
    ["a" * 100_000, "/" * 100_000, "a." * 50_000, "A" + "a" * 99_999, "export " * 14_000],
)
def test_hostile_text_is_ranked_quickly(text: str) -> None:
    # A quadratic expression would take minutes here and run into the suite's time-out.
    assert ranked_paths(f"cart\n{text}", {"cart.py": f"cart\n{text}\n"}) == ["cart.py"]
