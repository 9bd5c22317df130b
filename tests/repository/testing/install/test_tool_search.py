"""Programs of other languages, in the version that a repository asks for."""

from pathlib import Path

import pytest

from repository.testing.environment import EnvironmentFailed
from repository.testing.install.tool_search import find_tools


def make_program(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_version_asked_for_is_used_if_its_wrapper_has_unpacked_it(tmp_path: Path) -> None:
    own = make_program(tmp_path / "bin/gradle")
    unpacked = make_program(
        tmp_path / ".gradle/wrapper/dists/gradle-8.5-bin/abc/gradle-8.5/bin/gradle"
    )
    environ = {"HOME": str(tmp_path), "PATH": str(own.parent)}
    assert find_tools(["gradle"], {"gradle": "8.5"}, environ)["gradle"] == (unpacked, "")
    path, note = find_tools(["gradle"], {"gradle": "8.6"}, environ)["gradle"]
    assert path == own
    assert note == "the repository asks for gradle 8.6; this machine's own is used"


def test_missing_tools_are_named_with_their_version(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "PATH": str(tmp_path)}
    with pytest.raises(EnvironmentFailed, match=r"^gradle 8\.5 is not on this machine; with it"):
        find_tools(["gradle"], {"gradle": "8.5"}, environ)
