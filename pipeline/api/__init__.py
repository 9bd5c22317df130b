"""The HTTP intake, in the worker's own process: it puts jobs on the queue and shows them; it runs
none.

``app`` imports FastAPI; ``server.serve`` imports uvicorn when it is called.
"""
