"""Untrusted TOML is read in bounded time, and errors say what is wrong."""

import pytest

from repository.toml import MAX_PARTS, read_toml


def test_toml_of_real_projects_is_read():
    versions = ", ".join(f'"package-{n} >= 1.2.{n}"' for n in range(200))
    assert len(read_toml(f"dependencies = [{versions}]\n[a.b]\nc.d = 1.5\n")["dependencies"]) == 200


@pytest.mark.parametrize(
    "text",
    [
        ".".join("a" * 5_000) + " = 1",
        "x = {" + ".".join("a" * 5_000) + " = 1}",
        "[" * 20_000,
        "x = ",
        "a\0b",
    ],
)
def test_invalid_or_very_slow_toml_is_refused(text: str):
    with pytest.raises(ValueError, match=rf"{MAX_PARTS} dots|nested|.+"):
        read_toml(text)
