"""Correlations of the base with its counterparts, and tests on them."""
