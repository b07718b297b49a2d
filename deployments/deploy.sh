#!/usr/bin/env bash
# Apply work pool, automations and deployments to the server in force; safe to repeat.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=${BIN:-.venv/bin}

# A worker's processes start in folders of their own, so every path is absolute.
absolute() { case $1 in /* | *://*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }
export UNWIND_POOL=${UNWIND_POOL:-desk}
UNWIND_LAKE=$(absolute "${UNWIND_LAKE:-lake}")
UNWIND_DROP=$(absolute "${UNWIND_DROP:-drop}")
UNWIND_LABELS=$(absolute "${UNWIND_LABELS:-labels}")
export UNWIND_LAKE UNWIND_DROP UNWIND_LABELS

"$BIN/python" -m flows.server apply --pool "$UNWIND_POOL" --declarations deployments
"$BIN/prefect" --no-prompt deploy --prefect-file deployments/prefect.yaml --all
