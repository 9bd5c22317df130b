"""The version of a package that asks git for it."""

import pytest

from repository.testing.version import version_from_description


@pytest.mark.parametrize(
    ("described", "version"),
    [
        ("4.5.0-40-g10ca84ffc", "4.5.1.dev40+g10ca84ffc"),
        ("v2.0-0-gabcdef0", "2.0"),
        ("release-7.0.0rc1-3-gabcdef0", "7.0.0.dev3+gabcdef0"),
        ("8.0.0.dev0-5-gabcdef0", "8.0.0.dev5+gabcdef0"),
        ("v5.1.dev-623-gd16bfe05a7", "5.1.dev623+gd16bfe05a7"),
        ("nightly-5-gabcdef0", None),
        (None, None),
    ],
)
def test_description_becomes_the_version_that_setuptools_scm_gives(
    described: str | None, version: str | None
) -> None:
    assert version_from_description(described) == version
