"""Commands for the dead-letter queue, and what they do with its messages."""
