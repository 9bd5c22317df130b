"""Who may see the console: hosts, origins, keys, sessions, and what every response forbids."""
