"""The files, and the parts of them, that are shown for an issue."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from repository.context.query import Query
from repository.context.sources import read_sources
from repository.git import Mirror, Mirrors
from stages.build_context import MAX_TOKENS, Context, build

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
GIT_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "PATH": os.environ["PATH"],
}
IDENTITY = ("-c", "user.name=a", "-c", "user.email=a@b")

Commit = Callable[..., tuple[Mirror, str]]


@pytest.fixture
def commit(tmp_path: Path) -> Commit:
    """Return a function that commits files, and returns their mirror and the commit's SHA."""

    def make(files: Mapping[str, str | bytes], link: str | None = None) -> tuple[Mirror, str]:
        origin = tmp_path / "origin"
        for path, content in files.items():
            file = origin / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        if link:
            (origin / link).symlink_to(next(iter(files)))
        run_git(origin, "init", "-q", "-b", "main")
        run_git(origin, "add", "-A")
        run_git(origin, *IDENTITY, "commit", "-q", "-m", "first")
        mirror = Mirrors(tmp_path / "mirrors", lambda _: None).at("octo/shop")
        mirror.fetch(origin.as_uri(), ["main"])
        sha = mirror.branch("main")
        assert sha
        return mirror, sha

    return make


def run_git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, env=GIT_ENVIRONMENT, check=True)


def build_for(issue: str, source: tuple[Mirror, str], max_tokens: int = MAX_TOKENS) -> Context:
    mirror, sha = source
    title, _, _ = issue.partition("\n")
    return build(mirror, sha, Query.from_issue(title, issue), max_tokens)


def paths_shown(context: Context) -> list[str]:
    return [file.path for file in context.files]


def test_only_text_files_are_read(commit: Commit) -> None:
    mirror, sha = commit(
        {
            "good.py": "x = 1\n",
            "latin.py": "é".encode("latin-1"),
            "secrets.yml": "token: x\n",
            "binary.py": b"\0\1",
            "huge.py": "x = 1\n" * 100_000,
            "packed.js": "x" * 10_000,
            "new\nline.py": "x = 1\n",
        },
        link="link.py",
    )
    sources = read_sources(mirror, mirror.files(sha))
    assert [file.path for file in sources] == ["good.py", "latin.py"]


def test_sources_come_before_the_related_test(commit: Commit) -> None:
    context = build_for("checkout_total is wrong for an empty Cart", commit(FILES))
    paths = paths_shown(context)
    assert paths[0] == "shop/cart.py"
    assert paths[-1] == "tests/test_cart.py"
    assert all(file.whole for file in context.files)
    assert "shop/vendor/cart.py" in context.listing
    assert "tests/test_cart.py" not in context.ranking
    assert not set(paths) & set(context.listing)


def test_file_of_unknown_kind_is_shown_if_the_issue_names_it(commit: Commit) -> None:
    source = commit(FILES)
    unnamed = build_for("checkout_total", source)
    named = build_for("checkout_total in settings.weird", source)
    assert "settings.weird" not in paths_shown(unnamed)
    assert "settings.weird" in paths_shown(named)


def test_large_file_is_shown_in_excerpts_within_the_limit(commit: Commit) -> None:
    functions = [f"def f{number}(x):\n    return x + {number}\n\n\n" for number in range(2_000)]
    broken = "def broken_total(cart):\n    return 1\n"
    large = f"import os\n\n{''.join(functions)}{broken}"
    source = commit({**FILES, "shop/large.py": large})
    context = build_for("broken_total of a cart in shop/large.py", source, max_tokens=3_000)
    assert context.tokens <= 3_000
    file = context.files[0]
    assert file.path == "shop/large.py"
    assert not file.whole
    assert file.content.startswith("import os\n")
    assert broken in file.content


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("// größe der Fläche\nint area;\n", "latin-1"),
        ("// 合計を計算する\nint sum(void);\n", "cp932"),
        ("// 计算价格\nint price(int a);\n", "gbk"),
        ("// größe\nint x;\n", "utf-16"),
        ("// größe\nint x;\n", "utf-16-le"),
    ],
)
def test_a_named_file_of_any_encoding_is_shown(commit: Commit, text: str, encoding: str) -> None:
    source = commit({**FILES, "lib/old.c": text.encode(encoding)})
    context = build_for("wrong result in lib/old.c", source)
    shown = {file.path: file.content for file in context.files}
    assert shown["lib/old.c"] == text
    assert context.not_shown == ()


LARGE = "".join(f"def helper_{number}(value):\n    return {number}\n" for number in range(20_000))


@pytest.mark.parametrize(
    ("issue", "line"),
    [
        ("tables.py, line 30001, is wrong", "def helper_15000(value):"),
        ("see `tables.py`:30001", "def helper_15000(value):"),
        ("see https://forge.example/o/r/blob/main/tables.py#L30001-L30002", "helper_15000("),
        ('File "/srv/app/tables.py", line 30001, in f', "def helper_15000(value):"),
        ("C:\\app\\tables.py fails in helper_777", "def helper_777(value):"),
        ("tables.py is odd", "def helper_0(value):"),
    ],
)
def test_of_a_large_named_file_the_named_part_is_shown(
    commit: Commit, issue: str, line: str
) -> None:
    context = build_for(issue, commit({**FILES, "tables.py": LARGE}))
    file = context.files[0]
    assert file.path == "tables.py"
    assert not file.whole
    assert line in file.content
    assert "are not shown ...]" in file.content


def test_named_files_come_before_more_likely_ones(commit: Commit) -> None:
    others = {f"shop/cart_{number}.py": FILES["shop/cart.py"] for number in range(12)}
    issue = "checkout_total of a Cart is wrong since the change of tax.py and test_stock.py"
    paths = paths_shown(build_for(issue, commit({**FILES, **others})))
    assert {"shop/tax.py", "tests/test_stock.py"} <= set(paths)
    assert "shop/cart.py" in paths or "shop/cart_0.py" in paths


def test_what_cannot_be_shown_of_the_named_files_is_said(commit: Commit) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    files: dict[str, str | bytes] = {
        **FILES,
        "logo.bin": b"\0\1",
        ".env": "A=1\n",
        "data/model.csv": pointer,
        "empty.py": "",
        "packed.js": "x" * 500_000,
        "huge.sql": "-- a\n" * 1_000_000,
    }
    named = (
        "logo.bin, config/.env, .env, data/model.csv, empty.py, packed.js, huge.sql, shop/gone.py,"
        " link.py and Node.js, and/or e.g. https://a.example/b.py /usr/lib/python3/x.py"
    )
    context = build_for(f"cart: {named}", commit(files, link="link.py"))
    reasons = {file.path: file.reason for file in context.not_shown}
    assert reasons == {
        "logo.bin": "it is a binary file",
        ".env": "by its name, it holds secrets",
        "data/model.csv": "Git LFS stores its content, which is not here",
        "empty.py": "it is empty",
        "packed.js": "there was no room for it, or its lines are too long",
        "huge.sql": "it has 5000000 bytes, more than 4000000",
        "shop/gone.py": "there is no such file in this commit",
        "link.py": "it is a symbolic link",
    }
    assert next(iter(FILES)) in paths_shown(context), "the link leads there"


def test_a_file_in_a_submodule_is_named_as_such(commit: Commit, tmp_path: Path) -> None:
    mirror, sha = commit(FILES)
    run_git(tmp_path / "origin", "update-index", "--add", "--cacheinfo", f"160000,{sha},libs/png")
    run_git(tmp_path / "origin", *IDENTITY, "commit", "-q", "-m", "submodule")
    mirror.fetch((tmp_path / "origin").as_uri(), ["main"])
    head = mirror.branch("main")
    assert head
    context = build_for("libs/png/src/read.c of libs/png fails", (mirror, head))
    reasons = {file.path: file.reason for file in context.not_shown}
    assert "submodule" in reasons["libs/png"]
    assert "submodule" in reasons["libs/png/src/read.c"]


def test_issue_without_a_shared_word_gets_only_the_listing(commit: Commit) -> None:
    context = build_for("???", commit(FILES))
    assert context.files == ()
    assert set(context.listing) == set(FILES)
