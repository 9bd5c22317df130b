"""The webhook's route."""

import logging
from typing import cast

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from pipeline.api.keys import Gate
from pipeline.api.webhook.delivery import Delivery, DeliveryDep, EndpointDep
from pipeline.api.webhook.handler import CALLER, Answer
from pipeline.api.webhook.triggers import Ignored

log = logging.getLogger(__name__)

PATH = "/webhook/github"
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}

router = APIRouter()


@router.post(
    PATH,
    status_code=202,
    response_model=Answer,
    responses={200: {"model": Answer, "description": "Nothing to do"}},
    summary="An event on GitHub, signed with the webhook's secret",
    openapi_extra=_BODY,
)
async def receive(request: Request, delivery: DeliveryDep, endpoint: EndpointDep) -> JSONResponse:
    """Only events that ask for something count against the rate: GitHub sends all of a kind."""
    request.state.key = CALLER.name  # for the log
    answer = Answer(action="pong")
    if delivery.event != "ping":
        trigger = await endpoint.handler.read(delivery.event, delivery.body)
        if not isinstance(trigger, Ignored):
            cast(Gate, request.app.state.gate).limit(CALLER)
        answer = await endpoint.handler.perform(trigger)
    _log(delivery, answer)
    return JSONResponse(answer.model_dump(exclude_none=True), answer.status)


def _log(delivery: Delivery, answer: Answer) -> None:
    details = answer.reason or ", ".join(answer.job_ids)
    log.info(
        "GitHub's event %s (delivery %s): %s %s",
        delivery.event,
        delivery.id,
        answer.action,
        details,
    )
