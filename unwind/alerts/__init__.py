"""What a desk has to hear, in what words, and what it was told.

- `notices`: the net change between what was told last and what stands now
- `message`: verdict, drivers, doubts, mechanism, links
- `ledger`: what was told, and what is still owed
"""
