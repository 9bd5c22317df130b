"""The environment in which git runs."""

from pathlib import Path

import pytest

from repository.git.process import run_git


@pytest.mark.parametrize(
    ("variable", "scheme"),
    [
        ("HTTPS_PROXY", "https"),
        ("https_proxy", "https"),
        ("HTTP_PROXY", "http"),
        ("http_proxy", "http"),
        ("ALL_PROXY", "https"),
        ("all_proxy", "http"),
    ],
)
def test_a_proxy_is_used_however_it_is_spelled(
    variable: str, scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _clear_proxies(monkeypatch)
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    output = _ls_remote(f"{scheme}://git.invalid/octo/sample.git", tmp_path)
    assert "127.0.0.1" in output and "resolve host" not in output


@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_a_host_without_proxy_is_reached_directly(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _clear_proxies(monkeypatch)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv(variable, "git.invalid")
    assert "resolve host" in _ls_remote("https://git.invalid/octo/sample.git", tmp_path)


def _ls_remote(url: str, folder: Path) -> str:
    return run_git(["ls-remote", url], cwd=folder).stderr.decode()


def _clear_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
