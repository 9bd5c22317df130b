"""Which sandbox this deployment uses: the setting CODING_AGENT_SANDBOX, held against what works here."""

from pipeline.sandbox import NoIsolation, Sandbox
from pipeline.sandbox.bwrap import BwrapSandbox
from pipeline.sandbox.plain import PlainSandbox


def choose_sandbox(setting: str, *, on_ecs: bool, local: bool) -> Sandbox:
    """``bwrap``, ``auto`` (the strongest that works) or, in local mode alone, ``none``.

    Raises:
        NoIsolation: nothing that was asked for isolates here; the text says how to mend it.
    """
    match setting:
        case "bwrap":
            return BwrapSandbox()
        case "none":
            if on_ecs or not local:
                raise NoIsolation("CODING_AGENT_SANDBOX=none is for local mode; set it to auto here")
            return PlainSandbox()
        case "uid":
            raise NoIsolation("CODING_AGENT_SANDBOX=uid is not in this version; set it to bwrap or auto")
        case "auto":
            try:
                return BwrapSandbox()
            except NoIsolation as error:
                hint = ", or set CODING_AGENT_SANDBOX=none if you trust the repository's code" if local else ""
                raise NoIsolation(f"nothing isolates untrusted code on this machine: {error}{hint}") from error
        case _:
            raise NoIsolation(f"CODING_AGENT_SANDBOX is {setting!r}; it may be bwrap, uid, auto or none")
