"""The command line, one module per command group. Only wiring.py assembles the application."""
