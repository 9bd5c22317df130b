"""Who may see the console's pages: addresses, keys, sessions, and what every response forbids."""
