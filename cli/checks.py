"""Checks of this machine and its settings, for ``coding-agent doctor``."""

import asyncio
import os
import shutil
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

from cli.aws import explain_aws_error
from cli.check import FIX_AND_WORKER, WORKER, Check
from cli.missing import (
    AIOBOTO3,
    BOTO3,
    FASTAPI,
    LITELLM,
    PYGITHUB,
    OptionalPackage,
    how_to_install,
    how_to_set,
)
from cli.model_checks import check_model, check_profiles
from cli.online_checks import (
    check_bucket,
    check_github_access,
    check_queue,
    check_table,
    check_topic,
)
from cli.telemetry_checks import check_traces
from cli.webhook.checks import check_webhook
from pipeline.disk import existing_parent, measure_disk
from pipeline.errors import describe, judge
from pipeline.settings import PREFIX, Settings, SettingsError, unknown_variables, variables
from prompts.template_set import TemplateError
from repository.counts import count

#: Parked events are counted up to this number.
_MAX_EVENTS = 1000
#: The least share of characters in common (0 to 1) with which a setting is suggested for a name.
_SIMILARITY = 0.7


def run_checks(settings: Settings, *, online: bool, paid: bool) -> list[Check]:
    """Return all checks. Without ``online``, neither GitHub nor AWS is asked; if ``paid``, each
    model is asked for a short reply.
    """
    asks_aws = online and find_spec(BOTO3.module) is not None
    checks = [
        *check_names(),
        check_git(),
        _check_uv(),
        _check_sandbox(settings),
        _check_interpreters(settings),
        *_check_packages(settings),
        check_github(settings, online=online),
        *check_webhook(settings, online=online),
        check_model(settings),
        *check_profiles(settings, paid=paid),
        *_check_templates(settings, online=online),
        check_data_dir(settings),
        *check_folders(settings),
        *_check_events(settings, online=online),
        *check_traces(),
        *check_aws(settings, online=asks_aws),
    ]
    if asks_aws:
        checks += check_table(settings)
        checks += check_bucket(settings)
    return checks


def check_aws(settings: Settings, *, online: bool) -> list[Check]:
    """Check the queue and the topic, which only worker and submit need. If ``online``, AWS is asked
    for those that are set, and for the dead-letter queue.
    """
    checks = [
        _check_aws_setting("CODING_AGENT_QUEUE_URL", settings.queue_url),
        _check_aws_setting("CODING_AGENT_TOPIC_ARN", settings.topic_arn),
    ]
    if settings.queue_url and online:
        checks.append(check_queue(settings.queue_url))
    if settings.topic_arn and online:
        checks.append(check_topic(settings.topic_arn))
    return checks


def check_names() -> list[Check]:
    """Return a failed check for each variable that looks like a setting but is none."""
    # All names begin alike: with the prefix, any two would be similar.
    settings = {name.removeprefix(PREFIX): name for name in variables()}
    checks = []
    for name in unknown_variables():
        similar = get_close_matches(name.removeprefix(PREFIX), settings, n=1, cutoff=_SIMILARITY)
        advice = f"did you mean {settings[similar[0]]}?" if similar else "remove it"
        checks.append(Check(name, False, hint=f"there is no such setting; {advice}"))
    return checks


def check_git() -> Check:
    git = shutil.which("git")
    return Check("git", git is not None, git or "", "install git: apt-get install git")


def _check_uv() -> Check:
    from cli.backends import uv_path

    try:
        return Check("uv", True, str(uv_path()))
    except SettingsError as error:
        return Check("uv", False, hint=str(error))


def _check_sandbox(settings: Settings) -> Check:
    from cli.backends import sandbox_for
    from cli.sandbox_trial import try_sandbox
    from sandbox import NoIsolation

    try:
        sandbox = sandbox_for(settings, local=not settings.queue_url)
        fault = asyncio.run(try_sandbox(sandbox))
    except (NoIsolation, OSError) as error:
        return Check("sandbox", False, hint=str(error))
    if sandbox.name == "none" and settings.strategy == "agent":
        return Check("sandbox", True, "none: without isolation, runs use the strategy single")
    if fault is not None:
        return Check("sandbox", True, f"{sandbox.name}, degraded: {fault}")
    return Check("sandbox", True, sandbox.name)


def _check_interpreters(settings: Settings) -> Check:
    from cli.backends import python_folders
    from repository.testing.install.interpreters import find_interpreters

    interpreters = find_interpreters(python_folders(settings))
    names = ", ".join(f"python3.{minor}" for minor in sorted(interpreters))
    hint = "set CODING_AGENT_PYTHONS to folders that contain python3.X"
    return Check("interpreters", bool(interpreters), names, hint)


def _check_packages(settings: Settings) -> list[Check]:
    """Check optional packages without importing them, which would take seconds."""
    checks = [
        _check_package(PYGITHUB, FIX_AND_WORKER),
        _check_package(AIOBOTO3, WORKER),
        _check_package(FASTAPI, WORKER),
    ]
    if not (settings.model or "").startswith("scripted:"):
        checks.append(_check_package(LITELLM, FIX_AND_WORKER))
    return checks


def _check_package(package: OptionalPackage, needed_for: str) -> Check:
    return Check(
        package.name,
        find_spec(package.module) is not None,
        "installed",
        how_to_install(package.extra),
        needed_for,
    )


def check_github(settings: Settings, *, online: bool) -> Check:
    if settings.github_app_id and settings.github_app_private_key:
        check = Check("GITHUB_APP_ID", True, settings.github_app_id)
    elif settings.github_token:
        check = Check("GITHUB_TOKEN", True, "(set)")
    else:
        hint = f"{how_to_set('GITHUB_TOKEN')}; not needed for fix --repo"
        return Check("GITHUB_TOKEN", False, hint=hint)
    if online and find_spec(PYGITHUB.module) is not None:
        return check_github_access(settings, check.name)
    return check


def _check_templates(settings: Settings, *, online: bool) -> list[Check]:
    from cli.backends import template_sets

    asks_aws = (settings.templates or "").startswith("s3://")
    if asks_aws and not online:
        return []
    try:
        set_hash = template_sets(settings).latest().set_hash
    except (SettingsError, TemplateError) as error:
        return [Check("templates", False, hint=str(error))]
    except Exception as error:  # every failure is a result of this check
        return [Check("templates", False, hint=explain_aws_error(error) or describe(error))]
    return [Check("templates", True, f"set {set_hash[:12]}")]


def check_data_dir(settings: Settings) -> Check:
    """Check the data directory, or the folder in which it will be created."""
    folder = settings.data_dir.absolute()
    existing = existing_parent(folder)
    if not _is_writable_folder(existing):
        return Check(
            "data directory",
            False,
            hint=f"{existing} must be a writable folder, or set CODING_AGENT_DATA_DIR",
        )
    disk = measure_disk(existing)
    free = f"{disk.free_bytes / 1e9:.1f} GB"
    needed = f"{disk.needed_bytes / 1e9:.2g} GB"
    return Check(
        "data directory",
        disk.has_room,
        f"{folder}, {free} free, its disk is {disk.used_percent:.0f} percent full",
        f"{existing} has {free} free and needs {needed}: make room, or set CODING_AGENT_DATA_DIR"
        " to a folder on another disk",
        is_outage=True,
    )


def check_folders(settings: Settings) -> list[Check]:
    """Return a failed check for each setting whose folder can neither be used nor be created."""
    folders: dict[str, Path] = {}
    if settings.store and settings.store_table is None:
        folders["CODING_AGENT_STORE"] = settings.store_path.parent
    if settings.artifacts and not settings.artifacts.startswith("s3://"):
        folders["CODING_AGENT_ARTIFACTS"] = Path(settings.artifacts)
    checks = []
    for name, folder in folders.items():
        existing = existing_parent(folder.absolute())
        if not _is_writable_folder(existing):
            checks.append(Check(name, False, hint=f"{existing} must be a writable folder"))
    return checks


def _is_writable_folder(path: Path) -> bool:
    return path.is_dir() and os.access(path, os.W_OK | os.X_OK)


def _check_events(settings: Settings, *, online: bool) -> list[Check]:
    """Return a failed check if events can't be published."""
    from cli.stores import has_store, open_store_to_read

    asks_aws = settings.store_table is not None
    if not has_store(settings) or (asks_aws and not online):
        return []
    try:
        store = open_store_to_read(settings)
        try:
            parked = store.parked_events(_MAX_EVENTS)
        finally:
            store.close()
    except SettingsError as error:
        return [Check("events", False, hint=str(error), needed_for=WORKER)]
    except Exception as error:  # every failure is a result of this check
        hint = explain_aws_error(error) or judge(error).reason
        return [Check("events", False, hint=hint, needed_for=WORKER)]
    if not parked:
        return []
    hint = f"{count(len(parked), 'event')} could not be published: coding-agent queue retry-events"
    return [Check("events", False, hint=hint, needed_for=WORKER)]


def _check_aws_setting(variable: str, value: str | None) -> Check:
    return Check(variable, bool(value), value or "", how_to_set(variable), WORKER)
