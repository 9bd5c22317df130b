"""Take jobs from the queue and bring each to its outcome."""
