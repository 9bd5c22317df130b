"""Which characters a message may have."""

import re

#: Characters that neither SQS nor SNS accepts, in a body or in an attribute (SendMessage, "Message
#: characters": https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html).
REFUSED_CHARACTERS = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def replace_refused(text: str) -> str:
    """Return the text with a replacement character for each that is not accepted."""
    return REFUSED_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", text)
