"""Artifacts in a folder, beyond the shared contract."""

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


def files(artifacts: FolderArtifacts) -> list[str]:
    return [path.name for path in artifacts.root.rglob("*") if path.is_file()]


def test_a_write_leaves_no_temporary_file(artifacts: FolderArtifacts):
    artifacts.put(KEY, b"first")
    artifacts.put(KEY, b"second")
    assert files(artifacts) == ["log.txt"]


def test_a_failed_write_leaves_the_old_bytes(
    artifacts: FolderArtifacts, monkeypatch: pytest.MonkeyPatch
):
    artifacts.put(KEY, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipeline.artifacts.folder.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        artifacts.put(KEY, b"new")
    assert artifacts.get(KEY) == b"old"
    assert files(artifacts) == ["log.txt"]


def test_the_address_is_that_of_the_file(artifacts: FolderArtifacts):
    artifacts.put("job:1/0/a@b+c=d", b"data")
    address = urlsplit(artifacts.address("job:1/0/a@b+c=d"))
    assert address.scheme == "file"
    assert Path(unquote(address.path)).read_bytes() == b"data"


@given(st.text() | st.lists(st.sampled_from(["..", ".", "a", "b.c", ""])).map("/".join))
def test_every_key_stays_in_the_folder(key: str):
    root = Path("/nowhere/artifacts")
    try:
        address = FolderArtifacts(root).address(key)
    except ValueError:
        return
    assert Path(unquote(urlsplit(address).path)).is_relative_to(root)
