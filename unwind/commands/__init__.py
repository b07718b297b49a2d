"""Commands with their own module; `unwind.cli` is the entry point.

- `options`: options that commands share, and how they print
- `lake`: `unwind lake …`, which verifies, prunes and copies a lake
- `sigma`: `unwind sigma`, the one command that computes
"""
