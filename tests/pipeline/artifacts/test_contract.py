"""The contract of every implementation of Artifacts."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.artifacts import Artifacts

KEY = "a-job/0/1/run_tests/log.txt"


def test_data_is_read_as_written(artifacts: Artifacts):
    for data in (b"", b"\0\xff" * 1000, "ü".encode()):
        artifacts.put(KEY, data)
        assert artifacts.get(KEY) == data


def test_a_key_written_twice_holds_the_later_bytes(artifacts: Artifacts):
    artifacts.put(KEY, b"a long first text")
    artifacts.put(KEY, b"short")
    assert artifacts.get(KEY) == b"short"


def test_a_key_that_was_never_written_is_missing(artifacts: Artifacts):
    with pytest.raises(FileNotFoundError):
        artifacts.get(KEY)


def test_many_threads_write_and_read_at_once(artifacts: Artifacts):
    def there_and_back(number: int) -> bytes:
        artifacts.put(f"job/{number}", str(number).encode())
        return artifacts.get(f"job/{number}")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(there_and_back, range(32))) == [str(n).encode() for n in range(32)]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "..",
        "a/../../b",
        "a//b",
        "a/",
        "./a",
        "a\n",
        "a/b\n",
        "a\0b",
        "a b",
        "~/x",
        "x" * 201,
    ],
)
def test_a_key_that_leads_out_of_the_root_is_refused(artifacts: Artifacts, key: str):
    for use in (
        lambda: artifacts.put(key, b""),
        lambda: artifacts.get(key),
        lambda: artifacts.address(key),
    ):
        with pytest.raises(ValueError, match="not an artifact key"):
            use()


def test_the_keys_of_one_part_are_found_by_their_beginning(artifacts: Artifacts):
    assert artifacts.names("") == []
    for key in ("ab", "aa", "b", "ac/d"):
        artifacts.put(key, b"")
    assert artifacts.names("a") == ["aa", "ab"]
    assert artifacts.names("") == ["aa", "ab", "b"]
