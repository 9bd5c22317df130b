"""The webhook of GitHub: its part of the service, and the commands around it."""
