"""Faults on purpose: what a desk's night does to a program. `make torture` runs them at length."""
