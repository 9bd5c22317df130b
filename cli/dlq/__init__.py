"""Commands for the dead-letter queue."""
