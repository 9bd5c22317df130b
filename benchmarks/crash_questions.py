"""The short questions that a model is asked after it did not answer: they belong to no round."""

from pipeline.model import ModelRequest
from pipeline.model.outages import short_question


def is_question(request: ModelRequest) -> bool:
    return request.messages == short_question(request.model).messages


def is_question_key(key: str) -> bool:
    """Return whether a call with this key is such a question."""
    return "/question" in key
