"""``coding-agent edits``: apply what a model wrote to a folder, as a run would, and say how."""

import contextlib
import json
import os
import stat
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from cli import exits
from cli.command import CommandError

if TYPE_CHECKING:
    from repository.edits.apply import Step


@click.group("edits")
def command() -> None:
    """Apply the edits of a model's reply to a folder.

    \b
    Example:
      coding-agent edits apply --repo . < reply.md
    """


@command.command("apply")
@click.option(
    "--repo",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder whose files are edited; its own .coding-agent.toml says what may be.",
)
@click.option("--check", is_flag=True, help="Write nothing; only say what would be.")
@click.option("--json", "as_json", is_flag=True, help="The explanation as one JSON object.")
@click.argument("reply", type=click.File(encoding="utf-8", errors="replace"), default="-")
@click.pass_context
def apply_(ctx: click.Context, repo: Path, check: bool, as_json: bool, reply: IO[str]) -> None:
    """Apply the edits of REPLY (a file; default: standard input): all of them, or none.

    Says, block by block, how each was placed. Exits with 1 where the reply is refused: nothing is written then.

    \b
    Examples:
      coding-agent edits apply --repo ~/src/project < reply.md
      coding-agent edits apply --repo . --check --json reply.md
    """
    from repository.config import CONFIG, ConfigError, read_edit_rules
    from repository.edits.landing import land
    from repository.edits.model import EditFailed
    from repository.edits.policy import EditPolicy

    tree = _Tree(repo.resolve())
    config = tree.root / CONFIG
    try:
        rules = read_edit_rules(config.read_text(encoding="utf-8") if config.is_file() else None)
    except (ConfigError, OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{config}: {error}", exits.USAGE) from None
    try:
        landed = land(reply.read(), tree.read, tree.paths(), EditPolicy(rules))
        if not check:
            tree.write(landed.files)
    except EditFailed as error:
        if not as_json:
            raise CommandError(f"refused, nothing was written\n{error}") from None
        click.echo(json.dumps(_told("rejected", (), (), (), str(error))))
        ctx.exit(exits.ERROR)
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from None
    if as_json:
        told = _told("checked" if check else "applied", landed.files, landed.steps, landed.notices)
        click.echo(json.dumps(told))
        return
    click.echo(f"read as: {landed.format}", err=True)
    for step in landed.steps:
        click.echo(f"block {step.number}: {step.path}: {step.how}", err=True)
    for notice in landed.notices:
        click.echo(f"note: {notice}", err=True)
    for path, data in sorted(landed.files.items()):
        what = "removed" if data is None else "written"
        click.echo(f"{'would be ' if check else ''}{what}: {path}")


def _told(
    status: str,
    files: Iterable[str],
    steps: Iterable["Step"],
    notices: Iterable[str],
    reason: str = "",
) -> dict[str, Any]:
    how = [{"block": step.number, "path": step.path, "how": step.how} for step in steps]
    return {
        "status": status,
        "files": sorted(files),
        "steps": how,
        "notices": list(notices),
        "reason": reason,
    }


class _Tree:
    """A folder's files; none that a symbolic link leads to."""

    def __init__(self, root: Path):
        self.root = root

    def paths(self) -> list[str]:
        """What git tracks, for hints; nothing where the folder is no repository."""
        from repository.git import run_git

        listed = run_git(["ls-files", "-z"], cwd=self.root)
        return [name.decode(errors="replace") for name in listed.stdout.split(b"\0") if name]

    def read(self, path: str) -> bytes | None:
        """Raises EditFailed where the path is no file of its own, or can't become one."""
        from repository.edits.landing import MAX_FILE_BYTES
        from repository.edits.model import EditFailed

        if (self.root / path).is_dir():
            raise EditFailed("it is a folder")
        current = self.root
        *folders, name = path.split("/")
        for folder in folders:
            current /= folder
            if current.is_symlink():
                raise EditFailed(f"{current.relative_to(self.root)} is a symbolic link")
            if current.exists() and not current.is_dir():
                raise EditFailed(f"{current.relative_to(self.root)} is not a folder")
        try:
            descriptor = os.open(current / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            link = (current / name).is_symlink()
            raise EditFailed(
                "it is a symbolic link" if link else f"it can't be read: {error.strerror}"
            ) from error
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise EditFailed("it is no regular file")
            if about.st_size > MAX_FILE_BYTES:
                raise EditFailed(
                    f"the file has {about.st_size} bytes; {MAX_FILE_BYTES} at most can be edited"
                )
            return file.read()

    def write(self, files: Mapping[str, bytes | None]) -> None:
        """All new contents are on the disk before the first takes its place. Modes stay."""
        ready: list[tuple[str, Path]] = []
        try:
            for path, data in files.items():
                target = self.root / path
                if data is None:
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with tempfile.NamedTemporaryFile(
                    dir=target.parent, prefix=".edit-", delete=False
                ) as file:
                    ready.append((file.name, target))
                    file.write(data)
                Path(file.name).chmod(
                    stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
                )
            for name, target in ready:
                Path(name).replace(target)
        finally:
            for name, _ in ready:
                with contextlib.suppress(FileNotFoundError):
                    Path(name).unlink()
        for path in (path for path, data in files.items() if data is None):
            (self.root / path).unlink()


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
