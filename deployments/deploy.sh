#!/usr/bin/env bash
# Apply work pool, automations and deployments to the server in force; safe to repeat.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=${BIN:-.venv/bin}

# Processes find their folders here; containers find them where deployments/pools.yaml mounts them.
export UNWIND_POOL=${UNWIND_POOL:-desk}
case $UNWIND_POOL in
    desk) home=$PWD lake=lake drop=drop labels=labels ;;
    *) home=/var/lib/unwind lake=/lake drop=/drop labels=/drop/labels ;;
esac
export UNWIND_HOME=${UNWIND_HOME:-$home}
# The login that deployments/serve.sh made, for its own server and no other.
login=${PREFECT_HOME:-$PWD/.prefect}/login
case ${PREFECT_API_URL:-} in http://127.0.0.1:*)
    if [ -z "${PREFECT_API_AUTH_STRING:-}" ] && [ -e "$login" ]; then
        PREFECT_API_AUTH_STRING=$("$BIN/python" -m flows.private_files login "$login")
        export PREFECT_API_AUTH_STRING
    fi ;;
esac
# Every path is absolute: a run starts in a folder of its own.
absolute() { case $1 in /* | *://*) echo "$1" ;; *) echo "$UNWIND_HOME/$1" ;; esac; }
UNWIND_LAKE=$(absolute "${UNWIND_LAKE:-$lake}")
UNWIND_DROP=$(absolute "${UNWIND_DROP:-$drop}")
UNWIND_LABELS=$(absolute "${UNWIND_LABELS:-$labels}")
export UNWIND_LAKE UNWIND_DROP UNWIND_LABELS

"$BIN/unwind" server apply --pool "$UNWIND_POOL" --declarations deployments
"$BIN/prefect" --no-prompt deploy --prefect-file deployments/prefect.yaml --all
