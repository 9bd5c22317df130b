"""Build and cache environments for tests."""
