"""Calibration, evaluation, replay, universe, scan and the review of February 2026."""
