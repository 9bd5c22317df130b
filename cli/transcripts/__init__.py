"""``coding-agent jobs transcript``: an agent's steps, one per screen, or all as text or JSON."""
