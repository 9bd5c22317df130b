"""How long messages are hidden from others while commands and the console look at them."""

#: Seconds. For users of the queue that receive no messages, to whom the value makes no difference.
VISIBILITY_TIMEOUT = 30
#: Seconds for which messages are hidden from others while they are read, or after this process is
#: killed.
HOLD_SECONDS = 900
