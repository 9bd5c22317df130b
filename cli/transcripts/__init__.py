"""``coding-agent jobs transcript``: an agent's steps, one a screen, or all as text or JSON."""
