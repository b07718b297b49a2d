#!/bin/sh
# Writes docs/claims-february-2026.md: each claim of the review of 5 February 2026 against what the
# program computes from the market data in the folder given.
# Usage: docs/claims-february-2026.sh DROP_FOLDER LAKE_FOLDER > docs/claims-february-2026.md
set -eu
folder=$1 lake=$2
bin=${BIN:-.venv/bin}
"$bin/unwind" backfill --source files --path "$folder" --from 2026-01-29 --to 2026-02-12 \
  --lake "$lake" >&2
# Flows and the session after are known later: the four sessions as they stood on 10 February.
for day in 2026-01-30 2026-02-04 2026-02-05 2026-02-06; do
  "$bin/unwind" replay --source files --path "$folder" --as-of "$day" \
    --cutoff 2026-02-10T21:15Z --lake "$lake" >&2
done

cat <<'TEXT'
# The claims about 5 February 2026

Written by `docs/claims-february-2026.sh`; the table is what `unwind study claims` printed. A verdict follows
from the rule in its row. Contested: the data say otherwise, or do not bear what is concluded from them.
Not reproducible here: the figure rests on prices finer than daily. Cannot be tested: a table that the
last column names is missing. Put it into the drop folder, run again, and the row fills.

TEXT
"$bin/unwind" study claims --lake "$lake"
