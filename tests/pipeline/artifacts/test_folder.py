from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifacts.folder import FolderArtifacts

KEY = "a-job/0/1/run_tests/log.txt"


@pytest.fixture
def artifacts(tmp_path: Path) -> FolderArtifacts:
    return FolderArtifacts(tmp_path / "artifacts")


def test_what_was_put_is_got(artifacts: FolderArtifacts):
    for data in (b"", b"\0\xff" * 1000, "ü".encode()):
        artifacts.put(KEY, data)
        assert artifacts.get(KEY) == data


def test_a_key_written_twice_holds_the_later_bytes_and_nothing_is_left_over(artifacts: FolderArtifacts):
    artifacts.put(KEY, b"a long first text")
    artifacts.put(KEY, b"short")
    assert artifacts.get(KEY) == b"short"
    assert [path.name for path in artifacts.root.rglob("*") if path.is_file()] == ["log.txt"]


def test_what_was_never_put_is_missing(artifacts: FolderArtifacts):
    with pytest.raises(FileNotFoundError):
        artifacts.get(KEY)


def test_a_write_that_fails_leaves_the_old_bytes_and_no_part_of_the_new(
    artifacts: FolderArtifacts, monkeypatch: pytest.MonkeyPatch
):
    artifacts.put(KEY, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipeline.artifacts.folder.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        artifacts.put(KEY, b"new")
    assert artifacts.get(KEY) == b"old"
    assert [path.name for path in artifacts.root.rglob("*") if path.is_file()] == ["log.txt"]


def test_its_address_leads_to_the_file(artifacts: FolderArtifacts):
    artifacts.put("job:1/0/a@b+c=d", b"data")
    address = urlsplit(artifacts.address("job:1/0/a@b+c=d"))
    assert address.scheme == "file"
    assert Path(unquote(address.path)).read_bytes() == b"data"


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "..", "a/../../b", "a//b", "a/", "./a", "a\n", "a/b\n", "a\0b", "a b", "~/x", "x" * 201]
)
def test_a_key_that_leads_elsewhere_is_refused(artifacts: FolderArtifacts, key: str):
    for use in (lambda: artifacts.put(key, b""), lambda: artifacts.get(key), lambda: artifacts.address(key)):
        with pytest.raises(ValueError, match="not an artifact key"):
            use()


@given(st.text() | st.lists(st.sampled_from(["..", ".", "a", "b.c", ""])).map("/".join))
def test_every_key_stays_in_the_folder(key: str):
    root = Path("/nowhere/artifacts")
    try:
        address = FolderArtifacts(root).address(key)
    except ValueError:
        return
    assert Path(unquote(urlsplit(address).path)).is_relative_to(root)
