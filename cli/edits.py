"""``coding-agent edits``: apply a model's reply to a folder, as a run would, and explain how."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from cli import exits
from cli.command import CommandError, settings
from cli.output import Output, json_option

if TYPE_CHECKING:
    from repository.edits.apply_reply import AppliedReply
    from repository.edits.editable_files import EditableFiles
    from repository.edits.policy import EditPolicy
    from repository.git import Entry


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
    help="The folder whose files are edited; its .coding-agent.toml says which may be.",
)
@click.option("--check", is_flag=True, help="Only show what would be written.")
@json_option("Print the explanation as one JSON object.")
@click.argument("reply", type=click.File(encoding="utf-8", errors="replace"), default="-")
@click.pass_context
def apply_(ctx: click.Context, repo: Path, check: bool, output: Output, reply: IO[str]) -> None:
    """Apply the edits of REPLY (a file; default: standard input): all of them or none.

    Explains how each block was located. Exits with 1 if the reply is refused; nothing is written
    then.

    \b
    Examples:
      coding-agent edits apply --repo ~/src/project < reply.md
      coding-agent edits apply --repo . --check --json reply.md
    """
    from cli.backends import python_folders
    from repository.edits.apply_reply import apply_reply
    from repository.edits.model import EditFailed
    from stages.propose_patch.base_code import syntax_checker

    root = repo.resolve()
    policy = _read_policy(root)
    files = _editable_files(root)
    syntax = syntax_checker(lambda: files, python_folders(settings(ctx)))
    try:
        applied = apply_reply(reply.read(), files, policy, syntax)
        if not check:
            _write(root, applied.files, applied.executable)
    except EditFailed as error:
        if not output.as_json:
            raise CommandError(f"refused; nothing was written\n{error}") from None
        output.write(_refused_json(str(error)), "")
        ctx.exit(exits.ERROR)
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}") from None
    if output.as_json:
        output.write(_applied_json(applied, "checked" if check else "applied"), "")
    else:
        _print_explanation(applied, check)


def _read_policy(root: Path) -> "EditPolicy":
    from repository.config import CONFIG, ConfigError, read_edit_rules
    from repository.edits.policy import EditPolicy
    from repository.text_encoding import read_text

    config = root / CONFIG
    try:
        text = read_text(config.read_bytes()) if config.is_file() else None
        return EditPolicy(read_edit_rules(text))
    except (ConfigError, OSError) as error:
        raise CommandError(f"{config}: {error}", exits.USAGE) from None


def _print_explanation(applied: "AppliedReply", check: bool) -> None:
    click.echo(f"read as: {applied.format}", err=True)
    for placement in applied.placements:
        click.echo(f"block {placement.number}: {placement.path}: {placement.description}", err=True)
    for notice in applied.notices:
        click.echo(f"note: {notice}", err=True)
    for path, data in sorted(applied.files.items()):
        action = "removed" if data is None else "written"
        click.echo(f"would be {action}: {path}" if check else f"{action}: {path}")


def _applied_json(applied: "AppliedReply", status: str) -> dict[str, Any]:
    steps: list[dict[str, Any]] = []
    for placement in applied.placements:
        steps.append(
            {
                "block": placement.number,
                "path": placement.path,
                "how": placement.description,
            }
        )
    return {
        "status": status,
        "files": sorted(applied.files),
        "steps": steps,
        "notices": list(applied.notices),
        "reason": "",
    }


def _refused_json(reason: str) -> dict[str, Any]:
    return {"status": "rejected", "files": [], "steps": [], "notices": [], "reason": reason}


def _editable_files(root: Path) -> "EditableFiles":
    """Return the editable files of a folder; links are not followed."""
    from repository.edits.editable_files import EditableFiles
    from repository.untrusted_files import open_without_links

    def load(entry: "Entry") -> bytes:
        path = root / entry.path
        if path.is_symlink():
            return os.fsencode(path.readlink())
        descriptor = open_without_links(root, entry.path)
        with os.fdopen(descriptor, "rb") as file:
            return file.read()

    return EditableFiles(_entries(root), load, is_work_tree=True)


def _entries(root: Path) -> Iterator["Entry"]:
    """Yield the entries that a git tree of the folder would have, without object names."""
    from repository.git import Entry

    for folder, subfolders, names in os.walk(root):
        if ".git" in subfolders:
            subfolders.remove(".git")
        for name in [*subfolders, *names]:
            path = Path(folder, name)
            status = path.lstat()
            if not stat.S_ISDIR(status.st_mode):
                relative = path.relative_to(root).as_posix()
                yield Entry(_git_mode(status.st_mode), "", status.st_size, relative)


def _git_mode(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "120000"
    if stat.S_ISREG(mode):
        return "100755" if mode & stat.S_IXUSR else "100644"
    return "000000"  # A socket or a device, which git can't store.


def _write(root: Path, files: Mapping[str, bytes | None], executable: Mapping[str, bool]) -> None:
    """Write all new contents to a temporary folder in ``root``, then move each file into place.

    Files keep their modes, except those in ``executable``.
    """
    with tempfile.TemporaryDirectory(dir=root, prefix=".edits-") as folder:
        staged: dict[Path, Path] = {}
        for number, (path, data) in enumerate(files.items()):
            if data is None:
                continue
            target = root / path
            source = Path(folder, str(number))
            source.write_bytes(data)
            if target.exists():
                shutil.copymode(target, source)
            if path in executable:
                _set_executable(source, executable[path])
            staged[source] = target
        for source, target in staged.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
    for path, data in files.items():
        if data is None:
            (root / path).unlink()


def _set_executable(file: Path, executable: bool) -> None:
    """Let those execute a file who may read it, or nobody."""
    mode = file.stat().st_mode & 0o666
    file.chmod(mode | (mode & 0o444) >> 2 if executable else mode)
