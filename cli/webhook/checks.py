"""Checks of the webhook, for ``coding-agent doctor``."""

from importlib.util import find_spec

from cli.check import WORKER, Check
from pipeline.errors import judge
from pipeline.settings import Settings

_WEBHOOK = "webhook"


def check_webhook(settings: Settings, *, online: bool) -> list[Check]:
    """Return nothing if the webhook is off. Only an App says which events it sends; a repository's
    or an organization's hook is known to its owner alone.
    """
    if not settings.webhook_secrets:
        return []
    is_app = settings.github_app_id and settings.github_app_private_key
    if is_app and online and find_spec("github") is not None:
        return [_check_app(settings)]
    return [_is_on(settings, "the events that it needs: docs/webhook.md")]


def _check_app(settings: Settings) -> Check:
    from cli.backends import app_tokens
    from pipeline.api.webhook.triggers import EVENTS

    tokens = app_tokens(settings)
    assert tokens is not None  # noqa: S101 (the caller has looked)
    try:
        subscribed = tokens.subscribed_events()
    except Exception as error:  # every failure is a result of this check
        return Check(_WEBHOOK, False, hint=judge(error).reason, needed_for=WORKER)
    missing = [event for event in EVENTS if event not in subscribed]
    if not missing:
        return _is_on(settings, "the App sends the events that it needs")
    if len(missing) == len(EVENTS):
        note = "the App sends none of its events: a repository's own webhook must send them"
        return _is_on(settings, note)
    hint = (
        f"the App does not send {', '.join(missing)}: choose them among the events in its settings"
    )
    return Check(_WEBHOOK, False, hint=hint, needed_for=WORKER)


def _is_on(settings: Settings, note: str) -> Check:
    detail = f"on, with the label {settings.trigger_label}; {note}"
    return Check(_WEBHOOK, True, detail, needed_for=WORKER)
