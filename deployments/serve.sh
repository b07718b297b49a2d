#!/usr/bin/env bash
# Server, deployments and worker on the loopback address; Ctrl-C stops all three.
set -euo pipefail
cd "$(dirname "$0")/.."
umask "${UNWIND_UMASK:-077}"
BIN=${BIN:-.venv/bin}
PORT=${PORT:-4200}
POOL=${UNWIND_POOL:-desk}
export PREFECT_API_URL="http://127.0.0.1:$PORT/api"
# Login, database and the key of its secrets lie here: the folder is closed, whatever the umask.
export PREFECT_HOME=${PREFECT_HOME:-$PWD/.prefect}
mkdir -p "$PREFECT_HOME"
chmod 700 "$PREFECT_HOME"
LOGIN=$PREFECT_HOME/login
echo $$ >"$PREFECT_HOME/serve.pid"
PREFECT_API_AUTH_STRING=$("$BIN/python" -m flows.private_files login "$LOGIN")
export PREFECT_API_AUTH_STRING

# Server, recovery and worker start in process groups of their own (set -m): Ctrl-C reaches this
# script alone, and it stops the runs and the worker while the server still takes their last states.
worker='' recovery='' server=''
stop() {
    trap - EXIT
    trap '' INT TERM
    rm -f "$PREFECT_HOME/serve.pid"
    local runs=''
    # Before their worker: it ends at once, and its runs with it, and reports none of them.
    [ -z "$worker" ] || runs=$(ps -A -o pid= -o ppid= | awk -v worker="$worker" '$2 == worker { print $1 }') || true
    for run in $runs; do signal TERM "$run"; done
    for run in $runs; do await "$run"; done
    for process in $worker $recovery $server; do
        signal TERM "$process"
        await "$process"
    done
}
signal() { kill "-$1" "$2" 2>/dev/null || true; }
# Twenty seconds to end by itself.
await() {
    for _ in $(seq 100); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.2
    done
    signal KILL "$1"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

set -m
(
    export PREFECT_SERVER_API_AUTH_STRING=$PREFECT_API_AUTH_STRING
    if [ -n "${UNWIND_ENCRYPTION_KEY_FILE:-}" ]; then
        PREFECT_API_ENCRYPTION_KEY=$("$BIN/python" -m flows.private_files key "$UNWIND_ENCRYPTION_KEY_FILE")
        export PREFECT_API_ENCRYPTION_KEY
    fi
    # Its tracebacks would print the address of a webhook that refuses.
    export PREFECT_LOGGING_HANDLERS_CONSOLE_CLASS=flows.console.Console
    exec "$BIN/python" -m flows.serving --port "$PORT"
) &
server=$!
set +m
healthy() { "$BIN/python" -c "import urllib.request as u; u.urlopen('$PREFECT_API_URL/health', timeout=2)" 2>/dev/null; }
for _ in $(seq 120); do
    kill -0 "$server" 2>/dev/null || { echo "the server stopped while starting"; exit 1; }
    healthy && break
    sleep 1
done
healthy || { echo "the server did not answer within two minutes"; exit 1; }

set -m
"$BIN/python" -m flows.recovery --pool "$POOL" &
recovery=$!
set +m
BIN=$BIN deployments/deploy.sh
set -m
"$BIN/prefect" worker start --pool "$POOL" --type process &
worker=$!
set +m
# The login itself is not printed: terminals scroll back, and supervisors keep what is printed.
cat <<TEXT
user interface: http://127.0.0.1:$PORT; it asks once for the login, which is in $LOGIN
other terminals: export PREFECT_API_URL=$PREFECT_API_URL PREFECT_API_AUTH_STRING="\$(cat '$LOGIN')"
TEXT
while kill -0 "$server" 2>/dev/null && kill -0 "$worker" 2>/dev/null && kill -0 "$recovery" 2>/dev/null; do
    sleep 1
done
echo "one of server, worker and recovery has ended; stopping the others"
exit 1
