"""The command line: one module a command group; wiring.py is the only place that puts things
together.
"""
