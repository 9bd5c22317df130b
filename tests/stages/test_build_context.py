"""Which files are shown for an issue, and how much of them."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prompts.tokens import tokens_of
from repository.context.excerpts import OMITTED, excerpt
from repository.context.query import Query, terms_of
from repository.context.ranking import rank
from repository.context.sources import SourceFile, read_sources
from repository.files import Kind, kind_of
from repository.git import Mirror, Mirrors
from stages.build_context import Context, build

FILES = {
    "shop/cart.py": "class Cart:\n    def checkout_total(self):\n        return sum(self.prices)\n",
    "shop/stock.py": "def reserve(item):\n    return item\n",
    "shop/tax.py": "RATE = 20\n\ndef tax(price):\n    return price * RATE\n",
    "shop/vendor/cart.py": "def checkout_total(): ...\n",
    "tests/test_cart.py": "def test_total():\n    assert Cart().checkout_total() == 0\n",
    "tests/test_stock.py": "def test_reserve():\n    assert reserve(1)\n",
    "README.md": "The cart's checkout_total sums prices.\n",
    "settings.weird": "checkout_total = 1\n",
}


@pytest.fixture
def commit(tmp_path: Path):
    """Write files as a commit; gives its mirror and SHA."""

    def make(files: dict[str, str | bytes], link: str | None = None) -> tuple[Mirror, str]:
        origin = tmp_path / "origin"
        for path, content in files.items():
            (origin / path).parent.mkdir(parents=True, exist_ok=True)
            (origin / path).write_bytes(content if isinstance(content, bytes) else content.encode())
        if link:
            (origin / link).symlink_to(next(iter(files)))
        fixed = {
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            "PATH": os.environ["PATH"],
        }
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        for arguments in (
            ["init", "-q", "-b", "main"],
            ["add", "-A"],
            [*who, "commit", "-q", "-m", "first"],
        ):
            subprocess.run(["git", *arguments], cwd=origin, env=fixed, check=True)
        mirror = Mirrors(tmp_path / "mirrors", lambda _: None).at("octo/shop")
        mirror.fetch(origin.as_uri())
        sha = mirror.branch("main")
        assert sha
        return mirror, sha

    return make


def query(text: str) -> Query:
    return Query.from_issue(text.split("\n", 1)[0], text)


def ranked(text: str, files: dict[str, str]) -> list[str]:
    sources = [SourceFile(path, kind_of(path) or Kind.OTHER, body) for path, body in files.items()]
    return [item.path for item in rank(sources, query(text))]


def shown(context: Context) -> list[str]:
    return [file.path for file in context.files]


def test_identifiers_are_found_whole_and_in_parts():
    assert terms_of("HTTPResponse_code") == ("httpresponse_code", "http", "response", "code")
    assert terms_of("cart") == ("cart",)


def test_the_file_that_defines_what_the_issue_names_comes_first():
    assert ranked("checkout_total is wrong for an empty Cart", FILES)[0] == "shop/cart.py"


@pytest.mark.parametrize(
    "text",
    [
        "Wrong sum\n\nsee shop/b.py",
        "Wrong sum\n\nsee b.py",
        "Wrong sum\n\nimport shop.b.total",
        'Wrong sum\n\n  File "/usr/lib/python3/site-packages/shop/b.py", line 3, in total\n    x',
    ],
)
def test_of_equal_files_the_named_one_comes_first(text):
    body = "def total(items):\n    return wrong_sum\n"
    assert ranked(text, {"shop/a.py": body, "shop/b.py": body, "shop/c.py": body})[0] == "shop/b.py"


def test_a_traceback_speaks_for_the_frame_where_it_ends():
    body = "def total(items):\n    return wrong_sum\n"
    text = (
        'Wrong sum\n File "/x/shop/c.py", line 1, in f\n File "/x/shop/b.py", line 3, in'
        " g\nValueError"
    )
    assert ranked(text, {"shop/a.py": body, "shop/b.py": body, "shop/c.py": body}) == [
        "shop/b.py",
        "shop/c.py",
        "shop/a.py",
    ]


def test_only_text_is_read(commit):
    mirror, sha = commit(
        {
            "good.py": "x = 1\n",
            "latin.py": "é".encode("latin-1"),
            "binary.py": b"\0\1",
            "huge.py": "x = 1\n" * 100_000,
            "packed.js": "x" * 10_000,
            "new\nline.py": "x = 1\n",
        },
        link="link.py",
    )
    assert [file.path for file in read_sources(mirror, mirror.files(sha))] == ["good.py"]


def test_sources_come_before_the_related_test(commit):
    mirror, sha = commit(FILES)
    context = build(mirror, sha, query("checkout_total is wrong for an empty Cart"), 24_000)
    assert shown(context)[0] == "shop/cart.py"
    assert shown(context)[-1] == "tests/test_cart.py"
    assert all(file.whole for file in context.files)
    assert "shop/vendor/cart.py" in context.listing
    assert "tests/test_cart.py" not in context.ranking
    assert not set(shown(context)) & set(context.listing)


def test_a_file_of_unknown_kind_is_shown_where_the_issue_names_it(commit):
    mirror, sha = commit(FILES)
    assert "settings.weird" not in shown(build(mirror, sha, query("checkout_total"), 24_000))
    assert "settings.weird" in shown(
        build(mirror, sha, query("checkout_total in settings.weird"), 24_000)
    )


def test_the_limit_holds_and_a_large_file_is_shown_in_pieces(commit):
    large = "import os\n\n" + "".join(
        f"def f{n}(x):\n    return x + {n}\n\n\n" for n in range(2_000)
    )
    mirror, sha = commit(
        {**FILES, "shop/large.py": large + "def broken_total(cart):\n    return 1\n"}
    )
    context = build(mirror, sha, query("broken_total of a cart in shop/large.py"), 3_000)
    assert context.tokens <= 3_000
    file = context.files[0]
    assert file.path == "shop/large.py"
    assert not file.whole
    assert file.content.startswith("import os\n")
    assert "def broken_total(cart):\n    return 1\n" in file.content


def test_an_issue_that_shares_no_word_gets_the_listing_alone(commit):
    mirror, sha = commit(FILES)
    context = build(mirror, sha, query("???"), 24_000)
    assert context.files == ()
    assert set(context.listing) == set(FILES)


def test_a_method_is_shown_under_its_class():
    methods = "".join(f"    def m{n}(self):\n        return {n}\n\n" for n in range(300))
    text = f"class Shop:\n{methods}    @cached\n    def checkout_total(self):\n        return 0\n"
    part = excerpt(text, query("checkout_total"), 200)
    assert part.text.startswith("class Shop:\n")
    assert part.text.endswith("    @cached\n    def checkout_total(self):\n        return 0\n")


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.sampled_from(
            ["def cart(x):", "    return cart", "class Cart:", "", "@x", "é" * 30, "\tpass"]
        ),
        min_size=1,
    ),
    st.integers(30, 150),
)
def test_an_excerpt_keeps_its_limit_and_its_lines_are_the_files(lines, limit):
    text = "\n".join(lines) + "\n"
    part = excerpt(text, query("cart Cart"), limit)
    if part is None:
        return
    assert tokens_of(part.text) == part.tokens <= limit
    if part.whole:
        assert part.text == text
        return
    at = 0
    for line in part.text.removesuffix("\n").split("\n"):
        if OMITTED.fullmatch(line):
            first = int(line.split()[2])
            last = int(line.split()[4])
            assert first == at + 1
            at = last
        else:
            assert line == lines[at]
            at += 1
    assert at == len(lines)


@settings(deadline=None, max_examples=50)
@given(
    st.text(max_size=300),
    st.dictionaries(st.sampled_from(["a/b.py", "b.py", "tests/b.py", "x.md"]), st.text()),
)
def test_ranking_any_issue_gives_each_path_at_most_once(text, files):
    paths = ranked(text, files)
    assert len(set(paths)) == len(paths)
    assert set(paths) <= set(files)


@pytest.mark.parametrize(
    "hostile", ["a" * 100_000, "/" * 100_000, "a." * 50_000, "A" + "a" * 99_999, "export " * 14_000]
)
def test_hostile_texts_are_ranked_in_no_time(hostile):
    # A quadratic expression would take minutes here: the suite's time-out is the assertion's teeth.
    assert ranked(f"cart\n{hostile}", {"cart.py": f"cart\n{hostile}\n"}) == ["cart.py"]
