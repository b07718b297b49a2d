#!/bin/sh
# Writes docs/february-2026.md: what the program says of 3 to 6 February 2026 on the market data in
# the folder given. Usage: docs/february-2026.sh DROP_FOLDER LAKE_FOLDER > docs/february-2026.md
set -eu
folder=$1 lake=$2
bin=${BIN:-.venv/bin}
"$bin/unwind" backfill --source files --path "$folder" --from 2026-01-20 --to 2026-02-06 \
  --lake "$lake" >&2

cat <<'TEXT'
# The evidence of 3–6 February 2026

Written by `docs/february-2026.sh`: every figure below was printed by the program, from a point-in-time
backfill that began on 20 January 2026. Each session saw only what was known at 16:15 New York.

How to read it. The interval after a 20-session correlation is the robust one: on twenty sessions almost
nothing can be excluded. The share explained by higher volatility is Forbes and Rigobon's, with the first asset as
the source and then the second. Each session has a dozen tests, so a single p of 0.05 means little: the last
figure of each line is adjusted for all of them.
TEXT
for day in 03 04 05 06; do
  printf '\n## %s February\n\n```\n' "${day#0}"
  "$bin/unwind" show --lake "$lake" --as-of "2026-02-$day" | sed -n '2,6p'
  printf '\n'
  "$bin/unwind" show --lake "$lake" --as-of "2026-02-$day" | sed -n '/^Evidence on the tested pairs/,$p'
  printf '```\n'
done
cat <<'TEXT'

## How rare is 3.5σ?

A prime broker's 3.5σ of 4 February, under the distributions that the data support for IBIT on the session before:

```
TEXT
"$bin/unwind" sigma 3.5 --lake "$lake" --asset IBIT --as-of 2026-02-04
cat <<'TEXT'
```

Under a normal distribution it happens once in eight or nine years. Under the fitted tail it happens about once
per year, and several times per year cannot be excluded: a 3.5σ day is news about a book, not evidence of a
broken market.
TEXT
