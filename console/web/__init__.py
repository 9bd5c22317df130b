"""The web console: pages over the store, the queue and the artifacts, rendered on the server."""
