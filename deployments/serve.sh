#!/usr/bin/env bash
# Server, deployments and worker on the loopback address; Ctrl-C stops all three.
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=${BIN:-.venv/bin}
HOST=127.0.0.1
PORT=${PORT:-4200}
export PREFECT_API_URL="http://$HOST:$PORT/api"

healthy() { "$BIN/python" -c "import urllib.request as u; u.urlopen('$PREFECT_API_URL/health', timeout=2)" 2>/dev/null; }

server=
if healthy; then
    echo "a server already answers at $PREFECT_API_URL; using it"
else
    # Its tracebacks would print the address of a webhook that refuses.
    PREFECT_LOGGING_HANDLERS_CONSOLE_CLASS=flows.console.Console "$BIN/prefect" server start --host "$HOST" --port "$PORT" &
    server=$!
    trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true' EXIT
    for _ in $(seq 120); do
        healthy && break
        kill -0 "$server" 2>/dev/null || { echo "the server stopped while starting; is port $PORT taken?"; exit 1; }
        sleep 1
    done
    healthy || { echo "the server did not answer within two minutes"; exit 1; }
fi
BIN=$BIN deployments/deploy.sh
echo "user interface: http://$HOST:$PORT"
"$BIN/prefect" worker start --pool "${UNWIND_POOL:-desk}" --type process
