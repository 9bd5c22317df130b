"""A delivery of GitHub's webhook, read only if its signature is valid."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, HTTPException, Request

from pipeline.api.keys import Gate
from pipeline.api.problem import Refusal
from pipeline.api.request_body import read_body
from pipeline.api.webhook.handler import GithubWebhook
from pipeline.api.webhook.signature import HEADER, is_signed

#: Maximum bytes of a payload. GitHub sends up to 25 MB, but not for the events that are read: two
#: texts of 65,536 characters, and the data of a repository and a pull request.
MAX_PAYLOAD = 2 * 1024 * 1024
_EVENT = re.compile(r"[a-z_]{1,64}")
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_UNKNOWN = "-"


@dataclass(frozen=True)
class Delivery:
    """One request of GitHub's, which it repeats when somebody presses "Redeliver"."""

    id: str
    """GitHub's, the same in each repetition; ``-`` if there is none."""
    event: str
    """The kind of the event."""
    body: bytes
    """The payload as JSON, as it was signed."""


@dataclass(frozen=True)
class WebhookEndpoint:
    """The webhook as a part of the app."""

    handler: GithubWebhook
    secrets: Sequence[str]
    """Those with which a request may be signed."""


def find_endpoint(request: Request) -> WebhookEndpoint:
    """Return the app's webhook. Raises HTTPException: 404 if it is off."""
    endpoint = cast(WebhookEndpoint | None, request.app.state.webhook)
    if endpoint is None:
        raise HTTPException(404)
    return endpoint


EndpointDep = Annotated[WebhookEndpoint, Depends(find_endpoint)]


async def read_delivery(request: Request, endpoint: EndpointDep) -> Delivery:
    """Read a delivery. Its body is not parsed here, and not read if the webhook is off.

    Raises:
        Refusal: 400, 401, 408, 413, 415; 429 for an address that sends too many without a valid
            signature.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        message = "choose application/json as the webhook's content type"
        raise Refusal(415, "unsupported_media_type", message)
    event = request.headers.get("x-github-event", "")
    if not _EVENT.fullmatch(event):
        raise Refusal(400, "invalid_event", "the X-GitHub-Event header names no event")
    body = await read_body(request, MAX_PAYLOAD)
    signature = request.headers.get(HEADER, "")
    if not is_signed(body, signature, endpoint.secrets):
        gate = cast(Gate, request.app.state.gate)
        raise gate.refuse_signature(request.client.host if request.client else _UNKNOWN)
    delivery_id = request.headers.get("x-github-delivery", "")
    return Delivery(delivery_id if _ID.fullmatch(delivery_id) else _UNKNOWN, event, body)


DeliveryDep = Annotated[Delivery, Depends(read_delivery)]
