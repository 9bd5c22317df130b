"""AWS within this process: a boto3 client whose calls are answered by moto, one at a time.

There is no global mock: other tests' clients and environment are not affected. The calls are
serialised because moto checks a transaction's conditions and then writes without a lock, whereas
DynamoDB's transactions are atomic.
"""

import threading
from typing import Any

from pipeline.aws import session
from tests.stand_ins.aws import ACCESS_KEY, REGION, SECRET_KEY

_ONE_AT_A_TIME = threading.Lock()


def moto_client(service: str, **options: Any) -> Any:
    from moto.core.botocore_stubber import BotocoreStubber

    moto = BotocoreStubber()
    moto.enabled = True

    def answer(event_name: str, request: Any, **more: Any) -> Any:
        with _ONE_AT_A_TIME:
            return moto(event_name, request, **more)

    client = session().client(
        service,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        **options,
    )
    client.meta.events.register_first("before-send", answer)
    return client
