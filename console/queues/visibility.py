"""How long messages are hidden from others while commands and the console look at them."""

#: Seconds. For whoever receives no messages from the queue, so that its value does not matter.
VISIBILITY_TIMEOUT = 30
#: Seconds for which messages are hidden from others while they are read, or after this process is
#: killed.
HOLD_SECONDS = 900
