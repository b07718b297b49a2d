"""Run by hand: `make bench` prints ratios against peers and limits."""
