"""Rows of the desk tables, one block a file."""
