"""The HTTP intake, in the worker's process. It queues jobs and shows their state; it runs none.

``app`` imports FastAPI; ``server.serve`` imports uvicorn when it is called.
"""
