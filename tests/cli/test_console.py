"""``coding-agent console``: when it starts, and when it refuses to."""

import re
import signal
import urllib.request

import pytest

from pipeline.store.sqlite import SqliteStore
from tests.cli.console import Console


@pytest.fixture
def with_store(console: Console) -> Console:
    SqliteStore(console.data_dir / "store.sqlite").close()
    return console


def test_it_serves_pages_until_it_is_interrupted(with_store: Console) -> None:
    process = with_store.process("console", "--port", "0")
    assert process.stderr is not None
    line = process.stderr.readline()
    address = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert address is not None, line
    with urllib.request.urlopen(address[0]) as response:
        assert b"No run yet." in response.read()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "console.example.com"])
def test_without_keys_it_refuses_to_listen_to_other_machines(
    with_store: Console, host: str
) -> None:
    message = with_store.refused("console", "--host", host)
    assert message.startswith(f"--host {host}: other machines could read every run")
    assert "CODING_AGENT_API_KEYS" in message


def test_without_a_store_it_says_so_and_creates_nothing(console: Console) -> None:
    assert console.refused("console").startswith("there is no store at ")
    assert not console.data_dir.exists()


def test_a_port_in_use_is_named(with_store: Console) -> None:
    process = with_store.process("console", "--port", "0")
    assert process.stderr is not None
    port = re.search(r":(\d+) ", process.stderr.readline())
    assert port is not None
    message = with_store.refused("console", "--port", port[1])
    assert message.startswith(f"can't listen on --host 127.0.0.1 --port {port[1]}: ")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_an_address_that_this_machine_does_not_have_is_named(
    with_store: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODING_AGENT_API_KEYS", "root=a-key-of-the-root")
    message = with_store.refused("console", "--host", "192.0.2.1")
    assert message.startswith("can't listen on --host 192.0.2.1 --port 8081: ")
