"""Sections of the settings, one subject a file; `unwind.settings` puts them together.

- `shared`: what every section is made of, and the sections that all of the program reads
- `evidence`: links, shocks, volatility, regimes
- `verdict`: the verdict and the calibration in force
- `mechanisms`, `attribution`: what lies behind a move, and which story fits
- `sources`: providers: addresses, patience, symbols
"""
