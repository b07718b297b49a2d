#!/bin/sh
# Writes docs/track-record.md and docs/track-record.svg: the record of the verdict on the market data
# and labels in the folders given.
# Usage: docs/track-record.sh LABEL_FOLDER[:LABEL_FOLDER…] DROP_FOLDER… > docs/track-record.md
set -eu
labels=$1
shift
bin=${BIN:-.venv/bin}
set -- $(for folder in "$@"; do printf -- '--path %s ' "$folder"; done)

cat <<'TEXT'
# Track record

Written by `docs/track-record.sh`: every figure in the tables was printed by `unwind study evaluate`.
An episode is detected by an entry between one session before its acute start and its end; an episode
of one asset class or strategy (`cross_asset = no`) by DELEVERAGING or DEGROSSING, any other by
DELEVERAGING. Delay counts sessions from the acute start. Sessions outside [acute start − 3 days,
end + 10 days] of every episode are ordinary: a stretch of alarms there, with gaps of at most ten
sessions joined, counts one false alarm per ten sessions begun. Each session is judged on what was
known at 16:15 New York. Episodes were labelled manually and in hindsight.

![The score over its history](track-record.svg)

TEXT
cat docs/track-record-rule.md
printf '\n## The record\n\n'
"$bin/unwind" study evaluate --source files "$@" --episodes "$labels" \
  --picture docs/track-record.svg | sed '/ episodes detected within 2 sessions, .* years left out$/,$d'
cat docs/track-record-discussion.md
