"""Open the services that the settings name: artifacts, GitHub, model and sandbox.

Each function raises SettingsError, which says what is missing and how to set it.
"""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from cli.missing import BOTO3, LITELLM, PYGITHUB, describe_missing, require_package
from pipeline.artifacts import Artifacts
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.model.capabilities import Models, ModelsError
from pipeline.model.client import ModelClient
from pipeline.settings import Settings, SettingsError
from pipeline.template_sets import TemplateSets
from prompts.template_set import SUFFIX, TemplateError, TemplateSet
from sandbox import Sandbox

if TYPE_CHECKING:
    from pipeline.github.app import AppTokens
    from pipeline.github.connection import Connection
    from pipeline.github.rest import GithubForge

#: GitHub asks clients to wait a second between writes; a stand-in on loopback does not.
_SECONDS_BETWEEN_WRITES = 1.0


def open_artifacts(settings: Settings) -> Artifacts:
    if settings.artifacts and settings.artifacts.startswith("s3://"):
        return artifacts_at(settings.artifacts)
    if settings.on_ecs:
        raise SettingsError(
            "CODING_AGENT_ARTIFACTS: a folder is refused on ECS, where a task's disk is lost with"
            " the task: set s3://BUCKET/PREFIX"
        )
    return artifacts_at(str(settings.artifacts_path))


def artifacts_at(address: str) -> Artifacts:
    """Open ``s3://BUCKET/PREFIX``, or a folder."""
    if not address.startswith("s3://"):
        return FolderArtifacts(Path(address))
    require_package(BOTO3)
    from pipeline.artifacts.s3 import S3Artifacts

    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    return S3Artifacts(bucket, prefix)


def template_sets(settings: Settings) -> TemplateSets:
    """Return the published template sets, and the current set according to CODING_AGENT_TEMPLATES.

    That is a folder or S3 prefix of sets, or a folder of templates, which is the default set.
    """
    artifacts = settings.artifacts or str(settings.artifacts_path)
    published = artifacts_at(f"{artifacts.rstrip('/')}/template-sets")
    address = settings.templates
    if address is None:
        return TemplateSets(published, None)
    if address.startswith("s3://"):
        return TemplateSets(published, artifacts_at(address))
    folder = Path(address)
    if not folder.is_dir():
        raise SettingsError(f"CODING_AGENT_TEMPLATES: there is no folder {folder}")
    if not any(folder.glob(f"*{SUFFIX}")):
        return TemplateSets(published, artifacts_at(address))
    try:
        return TemplateSets(published, default=TemplateSet.load(folder))
    except TemplateError as error:
        raise SettingsError(f"CODING_AGENT_TEMPLATES: {error}") from error


def github_forge(settings: Settings) -> "GithubForge":
    from pipeline.github.rest import GithubForge

    return GithubForge(_github_connection(settings), push=settings.push)


def app_tokens(settings: Settings) -> "AppTokens | None":
    """Return the tokens of the App; None if the settings name none."""
    from pipeline.github.app import AppTokens

    if not settings.github_app_id or not settings.github_app_private_key:
        return None
    return AppTokens(
        settings.github_app_id, settings.github_app_private_key, api_url=settings.github_api_url
    )


def _github_connection(settings: Settings) -> "Connection":
    from pipeline.github.connection import Connection
    from pipeline.github.rights import find_fork_refusal
    from pipeline.github.write_pace import WritePace

    require_package(PYGITHUB)
    app = app_tokens(settings)
    if app is not None and settings.push == "fork":
        raise SettingsError(
            "CODING_AGENT_PUSH: a GitHub App has no account to fork to: set branch, or use"
            " GITHUB_TOKEN"
        )
    token = app or settings.github_token
    if token is None:
        raise SettingsError(describe_missing("GITHUB_TOKEN"))
    if settings.push == "fork" and isinstance(token, SecretStr):
        refusal = find_fork_refusal(token.get_secret_value())
        if refusal is not None:
            raise SettingsError(f"GITHUB_TOKEN: {refusal}")
    on_loopback = settings.github_api_url.startswith("http://")
    return Connection(
        api_url=settings.github_api_url,
        token=token,
        pace=WritePace(0.0 if on_loopback else _SECONDS_BETWEEN_WRITES),
    )


def model_client(settings: Settings) -> tuple[str, ModelClient]:
    """Return the default model's name and its client."""
    name = settings.model
    if not name:
        raise SettingsError(describe_missing("CODING_AGENT_MODEL"))
    if name.startswith("replay:"):
        return name, _replay_client(Path(name.removeprefix("replay:")))
    if name.startswith("scripted:"):
        return name, _scripted_client(Path(name.removeprefix("scripted:")))
    from pipeline.model.litellm_client import LiteLLMClient

    require_package(LITELLM)
    return name, LiteLLMClient(model_settings(settings))


def model_settings(settings: Settings) -> Models:
    """Return the shipped settings of models, and over them those of CODING_AGENT_MODELS and the
    prices of CODING_AGENT_MODEL_PRICES.
    """
    try:
        return Models.load(settings.models, settings.priced_models)
    except ModelsError as error:
        raise SettingsError(f"CODING_AGENT_MODELS: {error}") from error


def _replay_client(folder: Path) -> ModelClient:
    from pipeline.model.replay import ReplayClient, ReplayError

    try:
        return ReplayClient.load(folder)
    except ReplayError as error:
        raise SettingsError(f"CODING_AGENT_MODEL: {error}") from error


def _scripted_client(path: Path) -> ModelClient:
    from pipeline.model.scripted import Script, ScriptedClient, ScriptError

    try:
        return ScriptedClient(Script.load(path))
    except ScriptError as error:
        raise SettingsError(f"CODING_AGENT_MODEL: {error}") from error


def sandbox_for(settings: Settings, *, local: bool) -> Sandbox:
    """Return the sandbox for untrusted code. ``local`` means that jobs don't come from a queue, so
    a person may choose to run without isolation.

    Raises:
        NoIsolation: see ``choose_sandbox``.
    """
    from sandbox.choose import choose_sandbox

    return choose_sandbox(
        settings.sandbox, on_ecs=settings.on_ecs, local=local, socket=settings.sandbox_socket
    )


def uv_path() -> Path:
    """Return the uv beside this Python, or else the one on PATH."""
    beside = Path(sys.executable).with_name("uv")
    if beside.exists():
        return beside
    on_path = shutil.which("uv")
    if on_path is None:
        raise SettingsError("uv is not installed: pip install uv")
    return Path(on_path)


def python_folders(settings: Settings) -> tuple[Path, ...]:
    """Return the folders with interpreters for test environments: those in CODING_AGENT_PYTHONS,
    or else pyenv's, uv's and the system's.
    """
    if settings.pythons:
        return settings.pythons
    home = Path.home()
    installed = [
        *(home / ".pyenv/versions").glob("*/bin"),
        *(home / ".local/share/uv/python").glob("*/bin"),
    ]
    return (*sorted(installed), Path("/usr/local/bin"), Path("/usr/bin"))
