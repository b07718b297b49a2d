#!/bin/sh
# Writes docs/track-record.md and docs/track-record.svg: the record of the verdict on the market data
# and labels in the folders given.
# Usage: docs/track-record.sh LABEL_FOLDER DROP_FOLDER… > docs/track-record.md
set -eu
labels=$1
shift
bin=${BIN:-.venv/bin}
set -- $(for folder in "$@"; do printf -- '--path %s ' "$folder"; done)

cat <<'TEXT'
# Track record

Written by `docs/track-record.sh`: every figure in the tables was printed by `python -m flows evaluate`.
An episode is caught by an entry into DELEVERAGING between one session before its acute start and its
end; delay counts sessions from the acute start; an entry is false outside [acute start − 3 days,
end + 10 days] of every episode, and entries within ten sessions of an alarm count once. Each session
is judged on what was known at 16:15 New York. The labels were made by hand, after the fact.

![The score over its history](track-record.svg)

TEXT
"$bin/python" -m flows evaluate --source files "$@" --episodes "$labels" \
  --picture docs/track-record.svg | sed '/ episodes caught within 2 sessions, .* each quarter unseen$/,$d'
cat docs/track-record-discussion.md
