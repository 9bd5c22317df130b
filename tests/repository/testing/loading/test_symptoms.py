"""What the output of tests says about their environment."""

import pytest

from repository.testing.loading.symptoms import Lack, find_in_skips, find_symptoms


def lacks(output: str) -> set[tuple[Lack, str]]:
    return {(symptom.lack, symptom.name) for symptom in find_symptoms(output)}


@pytest.mark.parametrize(
    ("line", "lack"),
    [
        ("E   ModuleNotFoundError: No module named 'yaml.nodes'", (Lack.MODULE, "yaml")),
        ("ImportError: No module named yaml", (Lack.MODULE, "yaml")),
        ("E       fixture 'mocker' not found", (Lack.FIXTURE, "mocker")),
        (
            "'asyncio' not found in `markers` configuration option",
            (Lack.MARK, "asyncio"),
        ),
        ("PytestUnknownMarkWarning: Unknown pytest.mark.trio - is", (Lack.MARK, "trio")),
        ("PytestConfigWarning: Unknown config option: asyncio_mode", (Lack.OPTION, "asyncio_mode")),
        ("async def functions are not natively supported.", (Lack.MARK, "asyncio")),
        ("ERROR: Missing required plugins: pytest-env>=1", (Lack.PACKAGE, "pytest-env>=1")),
    ],
)
def test_a_line_names_what_is_missing(line: str, lack: tuple[Lack, str]) -> None:
    assert lacks(line) == {lack}


def test_each_unknown_option_is_one_lack() -> None:
    line = "__main__.py: error: unrecognized arguments: --cov=a-b --timeout=5 -n 2"
    assert lacks(line) == {
        (Lack.OPTION, "--cov"),
        (Lack.OPTION, "--timeout"),
        (Lack.OPTION, "-n"),
    }


def test_a_plugin_from_an_address_is_not_required() -> None:
    assert lacks("Missing required plugins: evil @ https://example.org/e.whl") == set()


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("requires docutils", "docutils"),
        ("needs the 'lxml' package", "lxml"),
        ("Pillow is not installed", "Pillow"),
        ("test without numpy", "numpy"),
        ("h5py package not available", "h5py"),
    ],
)
def test_the_reason_of_a_skip_may_name_a_package(reason: str, word: str) -> None:
    assert (Lack.OPTIONAL, word) in {(s.lack, s.name) for s in find_in_skips([reason])}


def test_the_reason_of_a_skip_may_name_an_extra() -> None:
    (extra, *_) = find_in_skips(["Skipped because google-api-core[async_rest] is not installed"])
    assert (extra.lack, extra.name) == (Lack.EXTRA, "google-api-core[async_rest]")


def test_long_output_is_read_in_linear_time() -> None:
    assert find_symptoms("unrecognized arguments: " + "-" * 1_000_000) == []
    assert find_in_skips(["a-" * 500_000]) == []


def test_many_lacks_in_a_long_line_are_read_at_once() -> None:
    line = "unrecognized arguments: " + "--option " * 200_000
    assert (Lack.OPTION, "--option") in lacks(line)
