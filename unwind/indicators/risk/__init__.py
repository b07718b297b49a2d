"""Shocks, volatility, tails, change points, regimes and systemic measures."""
