"""What a worker asks before it takes its first job: each service that it needs.

What a run would never get is refused at once, so that a deployment with a wrong name or a revoked
token fails instead of failing its jobs. An outage ends by itself, and the worker waits for it.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from cli.check import Check
from cli.checks import check_data_dir, check_folders, check_git, check_github, check_names
from cli.online_checks import check_bucket, check_queue, check_table, check_topic
from cli.sandbox_trial import try_sandbox
from pipeline.settings import Settings, SettingsError, variable
from sandbox import Sandbox

log = logging.getLogger("coding_agent.start")


def require_services(settings: Settings) -> None:
    """Ask all services at the same time; log each failed check, and each misspelt setting.

    Blocks for as long as the slowest service.

    Raises:
        SettingsError: one of them will never work with these settings. A line says for each what is
            wrong.
    """
    for check in check_names():
        log.warning("%s: %s", check.name, check.hint)
    failed = [check for check in _ask(settings) if not check.ok]
    lasting = []
    for check in failed:
        message = f"{check.name}: {check.hint}"
        log.warning("%s", message)
        if not check.is_outage:
            lasting.append(message)
    if lasting:
        raise SettingsError("\n".join(lasting))


async def require_sandbox(sandbox: Sandbox) -> None:
    """Log what a command in the sandbox can't do.

    Raises:
        SettingsError: the sandbox can't run a command.
    """
    try:
        fault = await try_sandbox(sandbox)
    except OSError as error:
        raise SettingsError(f"{variable('sandbox')}: {error}") from error
    if fault is not None:
        log.warning("the sandbox is degraded: %s", fault)


def _ask(settings: Settings) -> list[Check]:
    assert settings.queue_url and settings.topic_arn  # noqa: S101 (the command checks it)
    queue_url = settings.queue_url
    topic_arn = settings.topic_arn
    questions: list[Callable[[], list[Check]]] = [
        lambda: [check_git()],
        lambda: [check_data_dir(settings)],
        lambda: check_folders(settings),
        lambda: [check_github(settings, online=True)],
        lambda: [check_queue(queue_url)],
        lambda: [check_topic(topic_arn)],
        lambda: check_table(settings),
        lambda: check_bucket(settings),
    ]
    checks = []
    with ThreadPoolExecutor(len(questions)) as pool:
        for answer in pool.map(lambda ask: ask(), questions):
            checks += answer
    return checks
