"""GitHub's descriptions come from pinned packages, and from nothing else."""

import base64
import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from tools.github_api import FetchError, Package, fetch

CONTENT = b'{"openapi": "3.0.3"}'


def archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo("package/generated/api.json")
        member.size = len(CONTENT)
        tar.addfile(member, io.BytesIO(CONTENT))
    return buffer.getvalue()


@pytest.fixture
def package(tmp_path: Path) -> Package:
    packed = archive()
    (tmp_path / "packed.tgz").write_bytes(packed)
    digest = base64.b64encode(hashlib.sha512(packed).digest()).decode()
    return Package("@octo/api", "1.2.3", digest, "package/generated/api.json")


def npm(folder: Path, script: str) -> str:
    """Make a program that is run in the place of npm."""
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_the_one_file_of_the_pinned_package_is_written(package: Package, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    program = npm(tmp_path, f'echo "$@" > {asked}; cp {tmp_path}/packed.tgz octo-api.tgz')
    fetch(package, program, tmp_path / "api")
    assert (tmp_path / "api" / "1.2.3-api.json").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "api").iterdir()] == ["1.2.3-api.json"]
    assert "@octo/api@1.2.3" in asked.read_text()


def test_another_archive_than_the_pinned_one_is_refused(package: Package, tmp_path: Path) -> None:
    program = npm(tmp_path, f"cp {tmp_path}/packed.tgz octo-api.tgz")
    with pytest.raises(FetchError, match=r"@octo/api@1\.2\.3 has the SHA-512 .* do not use it"):
        fetch(replace(package, sha512="x"), program, tmp_path / "api")
    assert not (tmp_path / "api").exists()


def test_what_npm_says_is_told_if_it_can_not_download(package: Package, tmp_path: Path) -> None:
    program = npm(tmp_path, "echo the registry is down >&2; exit 1")
    with pytest.raises(FetchError, match=r"download @octo/api@1\.2\.3: the registry is down"):
        fetch(package, program, tmp_path / "api")


def test_a_package_without_the_file_is_refused(package: Package, tmp_path: Path) -> None:
    program = npm(tmp_path, f"cp {tmp_path}/packed.tgz octo-api.tgz")
    with pytest.raises(FetchError, match=r"has no file package/other\.json"):
        fetch(replace(package, member="package/other.json"), program, tmp_path / "api")
