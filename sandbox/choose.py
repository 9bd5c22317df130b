"""Choose the sandbox of this deployment: the setting CODING_AGENT_SANDBOX, if it works here."""

import os
from pathlib import Path

from sandbox import NoIsolation, Sandbox
from sandbox.bwrap.backend import BwrapSandbox
from sandbox.index.proxy import IndexProxy
from sandbox.uid.backend import UidSandbox
from sandbox.unconfined import UnconfinedSandbox


def choose_sandbox(setting: str, *, on_ecs: bool, local: bool, socket: Path) -> Sandbox:
    """Return the sandbox that a setting names.

    Args:
        setting: ``bwrap``, ``uid``, ``auto`` (the first of the two that works) or, in local mode
            only, ``none``.
        on_ecs: whether this is an ECS task.
        local: whether this is local mode.
        socket: where the helper of the ``uid`` backend listens.

    Raises:
        NoIsolation: the requested backend can't isolate here; the message says how to change that.
    """
    index = IndexProxy.configured(os.environ)
    match setting:
        case "bwrap":
            return BwrapSandbox(index)
        case "uid":
            return UidSandbox(socket, index)
        case "auto":
            return _first_that_isolates(socket, index, local=local)
        case "none":
            if on_ecs or not local:
                message = "CODING_AGENT_SANDBOX=none is for local mode; set it to auto here"
                raise NoIsolation(message)
            return UnconfinedSandbox()
        case _:
            raise NoIsolation(
                f"CODING_AGENT_SANDBOX is {setting!r}; it may be bwrap, uid, auto or none"
            )


def _first_that_isolates(socket: Path, index: IndexProxy, *, local: bool) -> Sandbox:
    try:
        return BwrapSandbox(index)
    except NoIsolation as error:
        bwrap_refusal = error
    try:
        return UidSandbox(socket, index)
    except NoIsolation as uid_refusal:
        hint = ""
        if local:
            hint = ", or set CODING_AGENT_SANDBOX=none if you trust the repository's code"
        raise NoIsolation(
            f"nothing isolates untrusted code on this machine: {bwrap_refusal}; {uid_refusal}{hint}"
        ) from uid_refusal
