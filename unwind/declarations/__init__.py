"""The output contract, one subject a file; `unwind.tables` lists all tables.

- `columns`: what a table is made of, and what every row carries
- `evidence`: links and shocks; `estimates`: volatility, tails, breaks, states, the cross-section
- `attribution`: the ledger of evidence and the finding
- `verdict`: what was concluded, from which mechanisms, and what was missing
"""
