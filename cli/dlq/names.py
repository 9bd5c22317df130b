"""Which messages of the dead-letter queue somebody names."""

from collections.abc import Sequence

from cli import exits
from cli.command import CommandError
from console.queues.dead_messages import DeadMessage
from console.runs.references import (
    JobReference,
    NumberReference,
    Reference,
    UnreadableReference,
    parse_reference,
)
from pipeline.job import parse_subject


def resolve_names(names: Sequence[str], messages: Sequence[DeadMessage]) -> tuple[str, ...]:
    """Return the ids of the messages, or of their jobs, that are named: by an id or its beginning,
    by ``OWNER/REPO#NUMBER``, or by the issue's address.

    A name that no message has is returned as it is. The command ends if a name is the beginning of
    several ids.
    """
    ids: list[str] = []
    for name in names:
        ids.extend(_resolve_name(name, messages))
    return tuple(ids)


def _resolve_name(name: str, messages: Sequence[DeadMessage]) -> list[str]:
    known_ids = {message.message_id for message in messages}
    known_ids |= {message.job_id for message in messages if message.job_id is not None}
    if name in known_ids:
        return [name]
    try:
        reference = parse_reference(name)
    except UnreadableReference as error:
        raise CommandError(str(error), exits.USAGE) from None
    if isinstance(reference, NumberReference):
        return _messages_about(reference, messages) or [name]
    matches = sorted(known for known in known_ids if _begins_so(known, reference))
    if len(matches) > 1:
        several = ", ".join(matches)
        raise CommandError(f"{name!r} is the beginning of several ids: {several}", exits.USAGE)
    return matches or [name]


def _begins_so(known_id: str, reference: Reference) -> bool:
    if not isinstance(reference, JobReference) or not reference.is_long_enough:
        return False
    return reference.generation is None and known_id.startswith(reference.job_id)


def _messages_about(reference: NumberReference, messages: Sequence[DeadMessage]) -> list[str]:
    """Return the ids of the messages about an issue. Their pull requests are not known here."""
    ids = []
    for message in messages:
        if message.issue_url is None or not reference.matches(message.issue_url):
            continue
        has_number = parse_subject(message.issue_url).number == reference.number
        if has_number and reference.repository in (None, message.repository):
            ids.append(message.message_id)
    return ids
