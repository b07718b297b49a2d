"""A session in words, from the published tables alone: for terminal, page, artifact and machine.

- `commands`: what the reading commands say; `formatting`, `markdown`: how figures and text stand
- `digest`, `verdict`, `explanation`: the verdict; its page of text; its arithmetic
- `doubts`, `changes`: what limits it, what changed since the session before
- `attribution`, `mechanisms`: which story fits, what was measured
- `difference`, `difference_text`: what changed between two instants, and why
"""
