"""Benchmarks, run manually: `make bench` prints ratios against peers and limits."""
