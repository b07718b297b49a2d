"""Commands with a module of their own; `unwind.cli` is the entrance.

- `options`: options that commands share, and how they print
- `lake`: `unwind lake …`, which keeps a lake whole and small
- `sigma`: `unwind sigma`, the one command that computes
"""
