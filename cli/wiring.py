"""The only place that puts things together: settings in, an engine with its real tools out.
Benchmarks use it too.
"""

import asyncio
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from pipeline.artifacts import Artifacts
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.budget import EffectiveLimits
from pipeline.engine.deps import EngineDeps, Progress
from pipeline.engine.engine import Engine
from pipeline.github import Forge
from pipeline.model import ModelClient
from pipeline.model.buyer import Buyer
from pipeline.policy import Allowed, Policy
from pipeline.settings import Settings, SettingsError, secret_values, variable
from pipeline.stage import Pipeline
from pipeline.store.contract import RunStore
from pipeline.store.migrations import NewerStore
from pipeline.store.sqlite import SqliteStore
from pipeline.telemetry import Redactor
from pipeline.template_sets import TemplateSets
from prompts import TemplateError, TemplateSet
from prompts.template_set import SUFFIX
from repository.git import Mirrors
from repository.testing.install.tools import index_settings
from sandbox import NoIsolation, Sandbox, SandboxCommand
from sandbox.choose import choose_sandbox
from stages.order import StageTools, compose
from stages.propose_patch import Plan

if TYPE_CHECKING:
    from fastapi import FastAPI

    from pipeline.queue import SqsQueue
    from pipeline.worker.worker import Worker


@dataclass(frozen=True)
class App:
    settings: Settings
    store: RunStore
    artifacts: Artifacts
    forge: Forge
    engine: Engine
    policy: Policy
    pipeline: Pipeline
    sandbox: Sandbox
    model: ModelClient


def open_store(settings: Settings) -> RunStore:
    if settings.store and settings.store.startswith("dynamodb://"):
        needs("boto3", "aws")
        from pipeline.store.dynamodb import DynamoStore

        return DynamoStore(settings.store.removeprefix("dynamodb://"))
    if settings.on_ecs:
        raise SettingsError(
            "CODING_AGENT_STORE: SQLite is refused on ECS, where a task's disk goes with the task:"
            " set dynamodb://TABLE"
        )
    try:
        return SqliteStore(settings.store_path)
    except NewerStore as error:
        raise SettingsError(f"CODING_AGENT_STORE: {error}") from error
    except (OSError, sqlite3.Error) as error:
        raise SettingsError(
            f"CODING_AGENT_STORE: {settings.store_path} can't be opened: {error}"
        ) from error


def open_artifacts(settings: Settings) -> Artifacts:
    if settings.artifacts and settings.artifacts.startswith("s3://"):
        return _at(settings.artifacts)
    if settings.on_ecs:
        raise SettingsError(
            "CODING_AGENT_ARTIFACTS: a folder is refused on ECS, where a task's disk goes with the"
            " task: set s3://BUCKET/PREFIX"
        )
    return _at(str(settings.artifacts_path))


def template_sets(settings: Settings) -> TemplateSets:
    """Raises SettingsError where CODING_AGENT_TEMPLATES can't be used."""
    kept = _at(f"{(settings.artifacts or str(settings.artifacts_path)).rstrip('/')}/template-sets")
    place = settings.templates
    if place is None or place.startswith("s3://"):
        return TemplateSets(kept, _at(place) if place else None)
    if not Path(place).is_dir():
        raise SettingsError(f"CODING_AGENT_TEMPLATES: there is no folder {place}")
    if not any(Path(place).glob(f"*{SUFFIX}")):
        return TemplateSets(kept, _at(place))
    try:  # templates themselves: one set, current as long as none was made so
        return TemplateSets(kept, default=TemplateSet.load(Path(place)))
    except TemplateError as error:
        raise SettingsError(f"CODING_AGENT_TEMPLATES: {error}") from error


def _at(address: str) -> Artifacts:
    """``s3://BUCKET/PREFIX``, or a folder."""
    if not address.startswith("s3://"):
        return FolderArtifacts(Path(address))
    needs("boto3", "aws")
    from pipeline.artifacts.s3 import S3Artifacts

    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    return S3Artifacts(bucket, prefix)


def chosen_knowingly(settings: Settings) -> None:
    """Raises SettingsError where a deployment on ECS leaves to a default what it must choose."""
    for field in ("allowed_repositories", "push"):
        if settings.on_ecs and field not in settings.model_fields_set:
            raise SettingsError(f"{variable(field)} is not set: on ECS it has no default")


def needs(module: str, extra: str) -> None:
    """Raises SettingsError where an optional part is not installed."""
    if find_spec(module) is None:
        raise SettingsError(f"{module} is not installed: pip install 'coding-agent[{extra}]'")


def github_forge(settings: Settings) -> Forge:
    """Raises SettingsError where GitHub access is not set."""
    from pipeline.github.app import AppTokens
    from pipeline.github.rest import GithubForge

    needs("github", "github")
    token: SecretStr | AppTokens | None = settings.github_token
    if settings.github_app_id and settings.github_app_private_key:
        if settings.push == "fork":
            raise SettingsError(
                "CODING_AGENT_PUSH: an App has no account to fork to: set branch, or use"
                " GITHUB_TOKEN"
            )
        token = AppTokens(
            settings.github_app_id, settings.github_app_private_key, api_url=settings.github_api_url
        )
    if token is None:
        raise SettingsError(
            "GITHUB_TOKEN is not set: a fine-grained token with Contents and Pull requests (write)"
            " and Issues (read); or set GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY"
        )
    loopback = settings.github_api_url.startswith("http://")
    return GithubForge(
        api_url=settings.github_api_url,
        token=token,
        push=settings.push,
        # GitHub asks for a second between writes; a stand-in on loopback does not.
        seconds_between_writes=0.0 if loopback else 1.0,
    )


def model_client(settings: Settings) -> tuple[str, ModelClient]:
    """The default model's name and its client. Raises SettingsError where none is set, or its
    script can't be read.
    """
    name = settings.model
    if not name:
        raise SettingsError(
            "CODING_AGENT_MODEL is not set: a LiteLLM model name (with its key, such as"
            " OPENAI_API_KEY), or scripted:FILE to try the service without one"
        )
    if name.startswith("replay:"):
        from pipeline.model.replay import ReplayClient, ReplayError

        try:
            return name, ReplayClient.load(Path(name.removeprefix("replay:")))
        except ReplayError as error:
            raise SettingsError(f"CODING_AGENT_MODEL: {error}") from error
    if name.startswith("scripted:"):
        from pipeline.model.scripted import Script, ScriptedClient, ScriptError

        try:
            return name, ScriptedClient(Script.load(Path(name.removeprefix("scripted:"))))
        except ScriptError as error:
            raise SettingsError(f"CODING_AGENT_MODEL: {error}") from error
    from pipeline.model.litellm_client import LiteLLMClient

    needs("litellm", "model")
    return name, LiteLLMClient()


def check_models(app: "App") -> None:
    """Refuse at the start a model whose calls could not be bounded, and have its library imported. Blocks for seconds.

    Raises:
        SettingsError: litellm has no price for a model that a job may use.
    """
    from pipeline.model.litellm_client import LiteLLMClient

    if not isinstance(app.model, LiteLLMClient):
        return
    app.model.warm()
    chosen = app.settings
    asked = [
        ("model", chosen.model or ""),
        *([("fallback_model", chosen.fallback_model)] if chosen.fallback_model else []),
        *(("candidate_models", name) for name in chosen.candidate_models),
        *(("allowed_models", name) for name in chosen.allowed_models),
    ]
    for field, name in asked:
        try:
            app.model.check(name)
        except ValueError as error:
            raise SettingsError(f"{variable(field)}: {error}") from error


def sandbox_for(settings: Settings, *, local: bool) -> Sandbox:
    """What isolates a stranger's code here. ``local``: no queue hands jobs in, and a person may choose none.

    Raises:
        NoIsolation: see ``choose_sandbox``.
    """
    return choose_sandbox(
        settings.sandbox, on_ecs=settings.on_ecs, local=local, socket=settings.sandbox_socket
    )


def uv_path() -> Path:
    """The uv that was installed beside this Python, else the one on PATH."""
    beside = Path(sys.executable).with_name("uv")
    found = beside if beside.exists() else Path(shutil.which("uv") or "")
    if not found.name:
        raise SettingsError("uv is not installed: pip install uv")
    return found


def python_folders(settings: Settings) -> tuple[Path, ...]:
    """Where interpreters for test environments are looked for: as set, else pyenv's, uv's and the
    system's.
    """
    if settings.pythons:
        return settings.pythons
    home = Path.home()
    kept = [
        *(home / ".pyenv/versions").glob("*/bin"),
        *(home / ".local/share/uv/python").glob("*/bin"),
    ]
    return (*sorted(kept), Path("/usr/local/bin"), Path("/usr/bin"))


def build(
    settings: Settings,
    forge: Forge,
    *,
    host: str | None = None,
    model: ModelClient | None = None,
    artifacts: Artifacts | None = None,
    observer: Callable[[Progress], None] = lambda _: None,
) -> App:
    """Everything a run needs. ``host`` is whose issues are taken (``file`` for a local repository); ``model`` and
    ``artifacts`` stand instead of what the settings name.

    Raises:
        SettingsError: something is missing; the message says what, and how to set it.
    """
    chosen_knowingly(settings)
    data_dir = settings.data_dir.absolute()  # a sandbox has another current folder
    name, client = (settings.model or "given", model) if model else model_client(settings)
    try:
        sandbox = sandbox_for(settings, local=not settings.queue_url)
    except NoIsolation as error:
        raise SettingsError(f"CODING_AGENT_SANDBOX: {error}") from error
    store = open_store(settings)
    artifacts = artifacts or open_artifacts(settings)
    models = settings.allowed_models or (name,)
    topics = settings.allowed_topics or ((settings.topic_arn,) if settings.topic_arn else ())
    templates = template_sets(settings)
    tools = StageTools(
        forge=forge,
        mirrors=Mirrors(data_dir / "mirrors", forge.token),
        sandbox=sandbox,
        pythons=python_folders(settings),
        uv=uv_path(),
        cache=data_dir / "cache",
        index=index_settings(os.environ),
        fetch_for_private=settings.fetch_for_private,
        buyer=Buyer(
            client,
            model=name,
            fallback=settings.fallback_model,
            redact=Redactor(secret_values(settings)),
        ),
        plan=Plan(
            settings.strategy,
            settings.candidates,
            settings.temperature,
            settings.candidate_models,
        ),
        protected=settings.protected_paths,
        templates=templates,
    )
    pipeline = compose(tools)
    policy = Policy(
        EffectiveLimits(settings.max_cost_usd, settings.max_minutes, settings.max_rounds),
        settings.max_cost_usd_per_repository_day,
        settings.max_cost_usd_per_day,
        settings.topic_arn,
        Allowed(
            host or settings.issue_host,
            settings.allowed_repositories,
            models,
            topics,
            templates.refusal,
        ),
    )
    deps = EngineDeps(pipeline, store, artifacts, policy, data_dir / "runs", observer)
    return App(settings, store, artifacts, forge, Engine(deps), policy, pipeline, sandbox, client)


async def serve(app: App, stop: asyncio.Event) -> None:
    """Run the worker and the HTTP intake until ``stop`` is set; where one of them dies, the other
    is stopped.
    """
    from pipeline.api.server import listen
    from pipeline.api.server import serve as serve_http
    from pipeline.queue import SqsQueue
    from pipeline.worker.options import WorkerOptions, WorkerTools
    from pipeline.worker.outbox import Publisher
    from pipeline.worker.task_protection import TaskProtection, connect_agent
    from pipeline.worker.worker import Worker

    settings = app.settings
    assert settings.queue_url  # noqa: S101 (the command checks it)
    try:
        listener = listen(settings.host, settings.port)
    except OSError as error:
        raise SettingsError(
            f"CODING_AGENT_PORT: {settings.host}:{settings.port} can't be used: {error}"
        ) from error
    queue = SqsQueue(settings.queue_url, visibility_timeout=settings.visibility_timeout)
    put = connect_agent(os.environ)
    async with (
        queue,
        Publisher(app.store, app.policy.topic_of) as publisher,
        AsyncExitStack() as stack,
    ):
        protection = await stack.enter_async_context(TaskProtection(put)) if put else None
        protect = protection.hold if protection else nullcontext
        tools = WorkerTools(queue, app.store, app.engine, publisher, protect)
        worker = Worker(tools, WorkerOptions(settings.concurrency, settings.visibility_timeout))
        # HTTP is stopped last: a load balancer still gets its answers while runs are handed back.
        http_stop = asyncio.Event()
        working = asyncio.create_task(worker.run(stop))
        serving = asyncio.create_task(serve_http(_intake(app, queue, worker), listener, http_stop))
        await asyncio.wait({working, serving}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await asyncio.wait({working})
        http_stop.set()
        await asyncio.gather(working, serving)


def _intake(app: App, queue: "SqsQueue", worker: "Worker") -> "FastAPI":
    from pipeline.api.app import create_app
    from pipeline.api.keys import ApiKeys
    from pipeline.worker.worker import STALE_SECONDS

    async def store() -> object:
        return await asyncio.to_thread(app.store.pending_events, 1)

    async def sandbox() -> object:
        return await app.sandbox.run(SandboxCommand(("/bin/true",), cwd=Path("/"), timeout=5.0))

    async def credentials() -> object:
        return await asyncio.to_thread(app.forge.check_credentials)

    return create_app(
        store=app.store,
        send=queue.submit,
        keys=ApiKeys(app.settings.named_api_keys),
        vitals=worker.vitals,
        stale_seconds=STALE_SECONDS,
        checks={
            "queue": queue.depth,
            "store": store,
            "sandbox": sandbox,
            "credentials": credentials,
        },
    )
