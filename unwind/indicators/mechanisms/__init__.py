"""Indicators of the mechanisms behind a move, one block a file."""
