"""How runs, the queue and the history are looked at, in a terminal and in a browser."""
