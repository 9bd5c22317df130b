"""The command that adds an extra, for each way in which the program can have been installed."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.installation import DISTRIBUTION, install_command

METADATA = f"""\
Metadata-Version: 2.4
Name: {DISTRIBUTION}
Version: 0.1.0
Requires-Dist: click>=8.1
Requires-Dist: PyGithub>=2.8; extra == "github"
Requires-Dist: aioboto3>=15.5; extra == "aws"
Provides-Extra: github
Provides-Extra: aws
"""
ENVIRONMENT = [sys.executable, "-m", "uv", "pip", "install"]


class Installation:
    def __init__(self, prefix: Path):
        self.prefix = prefix
        self._info = prefix / f"{DISTRIBUTION.replace('-', '_')}-0.1.0.dist-info"
        self._info.mkdir()
        (self._info / "METADATA").write_text(METADATA)

    def record(self, **direct_url: Any) -> None:
        """Write what an installer records of where the distribution came from."""
        (self._info / "direct_url.json").write_text(json.dumps(direct_url))


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    return Installation(tmp_path)


def install_words(extra: str = "github") -> list[str]:
    return shlex.split(install_command(extra))


def test_uv_tool_installs_again_from_the_checkout(installation: Installation) -> None:
    (installation.prefix / "uv-receipt.toml").touch()
    installation.record(url=installation.prefix.as_uri(), dir_info={})
    source = f"{installation.prefix}[all]"
    assert install_words() == ["uv", "tool", "install", "--force", source]


def test_pipx_installs_again_from_the_wheel(installation: Installation) -> None:
    (installation.prefix / "pipx_metadata.json").touch()
    wheel = installation.prefix / "a wheel.whl"
    wheel.touch()
    installation.record(url=wheel.as_uri(), archive_info={})
    assert install_words() == ["pipx", "install", "--force", f"{wheel}[all]"]


def test_an_editable_checkout_stays_editable(installation: Installation) -> None:
    installation.record(url=installation.prefix.as_uri(), dir_info={"editable": True})
    assert install_words() == [*ENVIRONMENT, "--editable", f"{installation.prefix}[all]"]


def test_a_repository_is_named_with_its_revision(installation: Installation) -> None:
    installation.record(
        url="https://git.example.com/agent.git",
        vcs_info={"vcs": "git", "commit_id": "0" * 40, "requested_revision": "v0.1.0"},
    )
    source = f"{DISTRIBUTION}[all] @ git+https://git.example.com/agent.git@v0.1.0"
    assert install_words() == [*ENVIRONMENT, source]


@pytest.mark.parametrize(
    "record", [{}, {"url": "file:///nowhere/agent.whl", "archive_info": {}}], ids=["none", "gone"]
)
def test_without_its_source_the_extras_packages_are_named(
    installation: Installation, record: dict[str, Any]
) -> None:
    installation.record(**record)
    assert install_words() == [*ENVIRONMENT, "PyGithub>=2.8"]


def test_outside_of_an_environment_pip_installs(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    assert install_words("aws") == [sys.executable, "-m", "pip", "install", "aioboto3>=15.5"]
