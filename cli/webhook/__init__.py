"""The webhook of GitHub: how it is assembled, and the command that handles a stored event."""
