#!/usr/bin/env bash
# Create the work pool when it is missing and apply every deployment; safe to repeat.
set -euo pipefail
cd "$(dirname "$0")/.."
prefect() { "${BIN:-.venv/bin}/prefect" "$@"; }

prefect work-pool inspect desk >/dev/null 2>&1 || prefect work-pool create desk --type process
prefect --no-prompt deploy --prefect-file deployments/prefect.yaml --all
