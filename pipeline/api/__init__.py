"""The HTTP intake, in the worker's own process: it puts jobs on the queue and says how they fare;
it runs none.

FastAPI and uvicorn are imported by ``app.create_app`` and ``server.serve``, not before.
"""
