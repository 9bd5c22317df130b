from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiobotocore.client import AioBaseClient
from botocore.client import BaseClient

from tests.terraform.aws_calls import RecordedCall


@pytest.fixture
def recorded_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[list[RecordedCall]]:
    """Every call of boto3 and aioboto3: service, operation, parameters."""
    calls: list[RecordedCall] = []

    def recording(make: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, operation: str, parameters: dict[str, Any]) -> Any:
            calls.append((self.meta.service_model.service_name, operation, parameters))
            return make(self, operation, parameters)

        return call

    for client in (BaseClient, AioBaseClient):
        monkeypatch.setattr(client, "_make_api_call", recording(client._make_api_call))
    yield calls
