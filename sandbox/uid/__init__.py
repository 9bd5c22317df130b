"""The sandbox for machines without user namespaces: a root helper runs commands as other users."""
