"""SQS and SNS of the local stack: ministack, with the queue and the topic that a worker needs.

``python -m examples.stack.aws PORT FOLDER`` becomes ministack, while a second process waits for it
and creates what is missing. ministack saves its state in the folder when it is stopped: messages
that wait are lost if it is killed.
"""

import os
import sys
import time
from pathlib import Path

from botocore.exceptions import BotoCoreError

from examples.laptop import make_aws_resources
from tests.stand_ins.aws import READY_SECONDS, Aws, ministack_environment


def main() -> None:
    port = int(sys.argv[1])
    folder = Path(sys.argv[2])
    if os.fork() == 0:
        _create_when_ready(port)
        return
    folder.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        **ministack_environment(port),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder),
    }
    os.execve(sys.executable, [sys.executable, "-m", "ministack"], environment)


def _create_when_ready(port: int) -> None:
    os.environ.update(Aws(f"http://127.0.0.1:{port}").environment)
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            make_aws_resources()
            return
        except BotoCoreError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


if __name__ == "__main__":
    main()
