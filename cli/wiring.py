"""Assemble the application from the settings. Nothing else does so; benchmarks use this, too."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from cli.backends import model_client, open_artifacts, sandbox_for, template_sets
from cli.policy import worker_policy
from cli.run_page import page_maker
from cli.stage_tools import assemble_review_tools, assemble_stage_tools, data_folder, room_maker
from cli.stores import open_store
from pipeline.artifacts import Artifacts
from pipeline.disk import measure_disk
from pipeline.disk_aware_sandbox import DiskAwareSandbox
from pipeline.engine.deps import EngineDeps, Progress
from pipeline.engine.engine import Engine
from pipeline.engine.progress_comment import ProgressComment
from pipeline.github import Forge
from pipeline.github.accounts import Accounts, GithubAccounts
from pipeline.github.progress_comment import GithubProgressComment
from pipeline.github.rest import GithubForge
from pipeline.job import JobType
from pipeline.model.buyer import Buyer
from pipeline.model.client import ModelClient
from pipeline.model.provider import otel_provider
from pipeline.model.traced_client import TracedClient
from pipeline.policy import Policy
from pipeline.pull_history import PullHistory
from pipeline.settings import Settings, SettingsError, secret_values, variable
from pipeline.stage import Pipeline
from pipeline.store.store import RunStore
from pipeline.telemetry import Redactor
from pipeline.telemetry.spans import NoTracer, Tracer
from pipeline.telemetry.traced_sandbox import TracedSandbox
from sandbox import NoIsolation, Sandbox
from stages.order import compose

#: The name of a model that is passed to ``build`` if the settings name none.
UNNAMED_MODEL = "unnamed"
#: Settings that a deployment on ECS must choose, since each default would be a risk there.
_REQUIRED_ON_ECS = ("allowed_repositories", "push")


@dataclass(frozen=True)
class App:
    """Everything that a run needs."""

    settings: Settings
    store: RunStore
    artifacts: Artifacts
    forge: Forge
    accounts: Accounts | None
    """None for a local repository."""
    engine: Engine
    policy: Policy
    pipelines: Mapping[JobType, Pipeline]
    sandbox: Sandbox
    model: ModelClient
    make_room: Callable[[], Awaitable[None]]
    """Removes from the data directory's disk what no run uses, if it lacks room."""


def build(  # noqa: PLR0913 - one parameter a part that a caller may choose
    settings: Settings,
    forge: Forge,
    *,
    host: str | None = None,
    model: ModelClient | None = None,
    artifacts: Artifacts | None = None,
    store: RunStore | None = None,
    observer: Callable[[Progress], None] = lambda _: None,
    tracer: Tracer | None = None,
) -> App:
    """Assemble the application.

    ``host`` is the host whose issues are accepted (``file`` for a local repository). ``model``,
    ``artifacts`` and ``store`` replace those that the settings name. ``observer`` and ``tracer``
    receive what a run does.

    Raises:
        SettingsError: something is missing; the message says what, and how to set it.
    """
    _check_required_on_ecs(settings)
    model_name = settings.model or UNNAMED_MODEL
    if model is None:
        model_name, model = model_client(settings)
    sandbox = _choose_sandbox(settings)
    if store is None:
        store = open_store(settings)
    if artifacts is None:
        artifacts = open_artifacts(settings)
    tracer = tracer or NoTracer()
    templates = template_sets(settings)
    policy = worker_policy(settings, host or settings.issue_host, model_name, templates)
    buyer = Buyer(
        TracedClient(model, tracer, _provider_of(model)),
        model=model_name,
        fallback=settings.fallback_model,
        redact=Redactor(secret_values(settings)),
    )
    disk_aware = DiskAwareSandbox(sandbox, lambda: measure_disk(settings.data_dir))
    traced = TracedSandbox(disk_aware, tracer)
    accounts = GithubAccounts(forge.connection) if isinstance(forge, GithubForge) else None
    review = assemble_review_tools(settings, forge, accounts, PullHistory(store, artifacts))
    tools = assemble_stage_tools(settings, forge, review, traced, buyer, templates, tracer)
    pipelines = compose(tools)
    engine = Engine(
        EngineDeps(
            pipelines=pipelines,
            store=store,
            artifacts=artifacts,
            policy=policy,
            workspaces=data_folder(settings) / "runs",
            observer=observer,
            tracer=tracer,
            progress_comment=_progress_comment(settings, forge, accounts),
            make_page=page_maker(store, artifacts, policy.limits, settings),
        )
    )
    return App(
        settings,
        store,
        artifacts,
        forge,
        accounts,
        engine,
        policy,
        pipelines,
        sandbox,
        model,
        make_room=room_maker(tools, sandbox),
    )


def check_models(app: App) -> None:
    """Import the model library, and refuse a model whose cost would have no bound, or whose key is
    missing. Blocks for seconds.

    Raises:
        SettingsError: litellm has no price for a model that a job may use, or would find no key.
    """
    from pipeline.model.litellm_client import LiteLLMClient

    if not isinstance(app.model, LiteLLMClient):
        return
    app.model.warm()
    for field, model in configured_models(app.settings):
        try:
            app.model.check(model)
            app.model.check_credentials(model)
        except ValueError as error:
            raise SettingsError(f"{variable(field)}: {error}") from error


def configured_models(settings: Settings) -> list[tuple[str, str]]:
    """Return the name of a setting and a model for each model that a job may use."""
    models = [("model", settings.model or "")]
    if settings.fallback_model:
        models.append(("fallback_model", settings.fallback_model))
    for model in settings.attempt_models:
        models.append(("attempt_models", model))
    for model in settings.allowed_models:
        models.append(("allowed_models", model))
    return models


def _check_required_on_ecs(settings: Settings) -> None:
    if not settings.on_ecs:
        return
    for field in _REQUIRED_ON_ECS:
        if field not in settings.model_fields_set:
            raise SettingsError(f"{variable(field)} is not set: on ECS it has no default")


def _choose_sandbox(settings: Settings) -> Sandbox:
    try:
        return sandbox_for(settings, local=not settings.queue_url)
    except NoIsolation as error:
        raise SettingsError(f"CODING_AGENT_SANDBOX: {error}") from error


def _provider_of(model: ModelClient) -> Callable[[str], str]:
    """Return what names the provider of a client's model; a stand-in for a model has none."""
    from pipeline.model.litellm_client import LiteLLMClient

    return otel_provider if isinstance(model, LiteLLMClient) else lambda _name: "none"


def _progress_comment(
    settings: Settings, forge: Forge, accounts: Accounts | None
) -> ProgressComment | None:
    """Return None if the setting is off, or the repository is a local one."""
    if not settings.progress_comment or accounts is None or not isinstance(forge, GithubForge):
        return None
    return GithubProgressComment(forge.connection, accounts)
