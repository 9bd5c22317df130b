"""The history as data: rows, statistics and exports of all runs in a store."""
