"""The choice of a deployment's sandbox."""

from pathlib import Path

import pytest

from sandbox import NoIsolation, choose
from sandbox.choose import choose_sandbox

NO_SOCKET = Path("/not/there/sandbox.sock")


@pytest.fixture
def nothing_isolates(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise NoIsolation("bwrap is not installed: apt-get install bubblewrap")

    monkeypatch.setattr(choose, "BwrapSandbox", refuse)
    monkeypatch.setattr("os.geteuid", lambda: 1000)


@pytest.mark.parametrize(("on_ecs", "local"), [(True, True), (False, False)])
def test_none_is_refused_outside_local_mode(on_ecs: bool, local: bool):
    with pytest.raises(NoIsolation, match="local mode"):
        choose_sandbox("none", on_ecs=on_ecs, local=local, socket=NO_SOCKET)


def test_none_in_local_mode_does_not_isolate():
    sandbox = choose_sandbox("none", on_ecs=False, local=True, socket=NO_SOCKET)
    assert sandbox.name == "none"


@pytest.mark.usefixtures("nothing_isolates")
def test_auto_lists_ways_to_get_isolation():
    hints = r"apt-get install bubblewrap.*sandbox serve.*CODING_AGENT_SANDBOX=none"
    with pytest.raises(NoIsolation, match=hints):
        choose_sandbox("auto", on_ecs=False, local=True, socket=NO_SOCKET)


@pytest.mark.usefixtures("nothing_isolates")
def test_auto_does_not_suggest_none_outside_local_mode():
    with pytest.raises(NoIsolation) as refusal:
        choose_sandbox("auto", on_ecs=False, local=False, socket=NO_SOCKET)
    assert "none" not in str(refusal.value)


@pytest.mark.parametrize("setting", ["docker", ""])
def test_unknown_setting_is_refused_by_name(setting: str):
    with pytest.raises(NoIsolation, match="CODING_AGENT_SANDBOX"):
        choose_sandbox(setting, on_ecs=False, local=True, socket=NO_SOCKET)
