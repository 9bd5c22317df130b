"""Which sandbox this deployment uses: the setting CODING_AGENT_SANDBOX, held against what works
here.
"""

import os
from pathlib import Path

from sandbox import NoIsolation, Sandbox
from sandbox.bwrap import BwrapSandbox
from sandbox.index.proxy import IndexProxy
from sandbox.uid.backend import UidSandbox
from sandbox.unconfined import PlainSandbox


def choose_sandbox(setting: str, *, on_ecs: bool, local: bool, socket: Path) -> Sandbox:
    """``bwrap``, ``uid``, ``auto`` (the first of the two that works) or, in local mode alone, ``none``.

    ``socket`` is that of the ``uid`` backend's helper.

    Raises:
        NoIsolation: nothing that was asked for isolates here; the text says how to mend it.
    """
    index = IndexProxy.configured(os.environ)
    match setting:
        case "bwrap":
            return BwrapSandbox(index)
        case "uid":
            return UidSandbox(socket, index)
        case "none":
            if on_ecs or not local:
                raise NoIsolation(
                    "CODING_AGENT_SANDBOX=none is for local mode; set it to auto here"
                )
            return PlainSandbox()
        case "auto":
            try:
                return BwrapSandbox(index)
            except NoIsolation as error:
                refused = error
            try:
                return UidSandbox(socket, index)
            except NoIsolation as error:
                hint = (
                    ", or set CODING_AGENT_SANDBOX=none if you trust the repository's code"
                    if local
                    else ""
                )
                text = f"nothing isolates untrusted code on this machine: {refused}; {error}{hint}"
                raise NoIsolation(text) from error
        case _:
            raise NoIsolation(
                f"CODING_AGENT_SANDBOX is {setting!r}; it may be bwrap, uid, auto or none"
            )
