"""Telling the repository's own releases from another project's of the same name."""

from pathlib import Path

import pytest

from repository.testing.install.release import Release, release_candidates, release_of
from tests.repository.testing.install.test_installer import (
    RECIPE,
    ScriptedSandbox,
    make_installer,
)


def release(**fields: object) -> Release:
    values = {
        "name": "shop",
        "version": "2.0",
        "addresses": (),
        "stated": (),
        "lines": 1_000,
        "shared_lines": 10,
    }
    return Release.model_validate({**values, **fields})


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/Octo/Shop",
        "https://github.com/octo/shop.git",
        "http://gitlab.example/octo/shop/issues?q=1",
    ],
)
def test_metadata_that_name_the_repository_make_a_release_its_own(address: str) -> None:
    assert release(addresses=(address,)).belongs_to("octo/shop")


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/stranger/shop",
        "https://github.com/octo/shop2",
        "https://github.com/octo",
        "https://[broken",
        "",
    ],
)
def test_another_project_of_that_name_is_a_stranger(address: str) -> None:
    other = release(addresses=(address,))
    assert not other.belongs_to("octo/shop")
    assert "shop" in other.refusal


def test_an_address_of_the_package_that_the_repository_states_is_evidence() -> None:
    page = "https://shop.example"
    assert release(addresses=(page,), stated=(page,)).belongs_to("/home/me/clone")


def test_an_address_left_over_from_a_template_is_no_evidence() -> None:
    page = "https://github.com/pypa/sampleproject"
    assert not release(addresses=(page,), stated=(page,)).belongs_to("octo/shop")


def test_a_fork_shares_most_lines_with_the_release() -> None:
    assert release(shared_lines=600).belongs_to("fork/renamed")
    assert not release(lines=4, shared_lines=4).belongs_to("fork/renamed")


@pytest.mark.parametrize(
    ("version", "expected"),
    [("0.21.dev0", "0.21"), ("1.3.0rc1", "1.3.0"), ("2.0.1.dev3+gabc", "2.0.1"), ("nightly", "")],
)
def test_a_version_in_development_announces_its_release(version: str, expected: str) -> None:
    assert release_of(version) == expected


def test_the_announced_release_is_the_first_candidate(tmp_path: Path) -> None:
    installer = make_installer(ScriptedSandbox(), tmp_path)
    installer.recipe = RECIPE.model_copy(
        update={"repository": "octo/py-shop", "name": "shop", "announced_version": "3.0.dev0"}
    )
    first, second, *_, last = release_candidates(installer)
    assert first.arguments[-1] == "shop==3.0"
    assert second.arguments == ("shop",)
    assert last.arguments == ("py-shop",)


def test_a_folder_is_not_looked_up(tmp_path: Path) -> None:
    installer = make_installer(ScriptedSandbox(), tmp_path)
    installer.recipe = RECIPE.model_copy(update={"repository": "/home/me/shop"})
    assert list(release_candidates(installer)) == []
