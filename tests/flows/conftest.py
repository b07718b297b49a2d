"""Fixtures that several modules of flows share: imported once, so that they are made once."""

from tests.standing import crash_run, standing

__all__ = ["crash_run", "standing"]
