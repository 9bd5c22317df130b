"""Putting a workspace's folders in the place of the test bed's, and back."""

from pathlib import Path

import pytest

from repository.workspace.folders import WorkspaceFolders

RENAMES = 8
"""Two for each of two folders, and as many back."""


def owners(*folders: Path) -> list[str]:
    return [(folder / "owner").read_text() for folder in folders]


def test_a_workspace_is_in_place_until_the_block_ends(folders: WorkspaceFolders) -> None:
    with folders.in_place():
        assert owners(folders.tree, folders.env) == ["workspace", "workspace"]
        assert not (folders.aside / "tree").exists()
    assert owners(folders.tree, folders.env) == ["bed", "bed"]


@pytest.mark.parametrize("failing", range(RENAMES))
def test_the_next_operation_repairs_a_swap_that_failed(
    failing: int, folders: WorkspaceFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename
    calls: list[Path] = []

    def fail_once(source: Path, target: Path) -> Path:
        calls.append(source)
        if len(calls) == failing + 1:
            raise OSError("the disk refused")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", fail_once)
    with pytest.raises(OSError, match="the disk refused"), folders.in_place():
        pass
    if failing < RENAMES / 2:
        assert owners(folders.tree, folders.env) == ["bed", "bed"]
    with folders.in_place():
        assert owners(folders.tree, folders.env) == ["workspace", "workspace"]
    assert owners(folders.tree, folders.env) == ["bed", "bed"]
    assert owners(folders.aside / "tree", folders.aside / "env") == ["workspace", "workspace"]


@pytest.mark.parametrize("failing", ["tree", "env"])
def test_a_test_bed_is_put_back_when_the_workspace_is_opened_or_built(
    failing: str, folders: WorkspaceFolders
) -> None:
    (folders.run / failing).rename(folders.aside / "bed" / failing)
    (folders.aside / failing).rename(folders.run / failing)
    folders.create()
    assert owners(folders.tree, folders.env) == ["bed", "bed"]


@pytest.fixture
def folders(tmp_path: Path) -> WorkspaceFolders:
    folders = WorkspaceFolders(tmp_path)
    folders.create()
    for name in ("tree", "env"):
        (tmp_path / name / "owner").write_text("bed")
        (folders.aside / name / "owner").write_text("workspace")
    return folders
