"""Which interpreter a commit gets, and what its installs see of the worker's environment."""

from datetime import UTC, datetime

import pytest

from repository.testing.install.interpreters import (
    choose_minor,
    find_interpreters,
    interpreter_folders,
)
from repository.testing.install.tools import index_settings

ALL = list(range(6, 15))


def when(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("day", "requires", "classified", "minor"),
    [
        ("2019-06-01", None, (), 7),
        ("2019-06-01", None, (5, 6), 6),
        ("2020-07-20", ">=3.5", (5, 6, 7, 8), 8),
        ("2020-01-20", None, (), 7),  # 3.8 was three months old
        ("2023-06-26", ">=3.7", (7, 8, 9, 10, 11), 10),
        ("2012-09-20", None, (), 6),  # older than all: the nearest
        ("2024-01-01", "<3.9", (), 8),
        ("2024-01-01", ">=3.99", (), None),
        ("2026-09-01", ">=3.12", (3, 4), 14),
        ("2019-06-01", "no specifier", (), 7),
    ],
)
def test_the_interpreter_is_the_newest_that_the_commits_time_knew(day, requires, classified, minor):
    assert (
        choose_minor(ALL, requires=requires, classified=classified, committed_at=when(day)) == minor
    )


def test_interpreters_are_found_by_name_in_order_and_a_home_is_not_made_readable(tmp_path):
    for name in (
        "a/bin/python3.9",
        "b/bin/python3.9",
        "b/bin/python3.11",
        "b/bin/python3",
        "b/bin/python3.11-config",
        "b/bin/python2.7",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    found = find_interpreters([tmp_path / "a/bin", tmp_path / "missing", tmp_path / "b/bin"])
    assert found == {9: tmp_path / "a/bin/python3.9", 11: tmp_path / "b/bin/python3.11"}
    assert interpreter_folders(found[9]) == (tmp_path / "a/bin",)


def test_only_the_index_settings_are_handed_to_installs_and_none_with_a_password():
    environ = {
        "UV_DEFAULT_INDEX": "https://user:secret@index.example/simple",
        "UV_FIND_LINKS": "/wheels https://links.example/",
        "GITHUB_TOKEN": "x",
        "UV_PUBLISH_TOKEN": "y",
        "UV_OFFLINE": "",
        "SSL_CERT_FILE": "/etc/ssl/ca.pem",
    }
    assert index_settings(environ) == {
        "UV_FIND_LINKS": "/wheels https://links.example/",
        "SSL_CERT_FILE": "/etc/ssl/ca.pem",
    }
