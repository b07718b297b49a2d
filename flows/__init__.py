"""Prefect and nothing else: one deployable flow a file, tasks of one to three lines.

- `flows.daily`: one session, from source to verdict, tables, report and artifacts
- `flows.backfill`: many sessions, resumable
- `flows.replay`: one session at several cut-offs
- `flows.calibrate`, `flows.evaluate`: the verdict against dated episodes
- `flows.universe`, `flows.scan`: the volatility of every asset, the correlation of every pair;
  `flows.spread`: over processes or Dask
- `flows.alerts`: what the desk is told, as Prefect events
- `flows.server`: work pool, automations and notification block on a Prefect server
- `flows.serving`: that server behind a login; `flows.recovery`: runs whose process is gone;
  `flows.private_files`: login and key; `flows.console`: what the server prints
- `flows.tasks`, `flows.parameters`, `flows.artifacts`, `flows.progress`: what they share
- `python -m flows`: run them from a shell; `flows.options`: what its commands have in common

Telemetry is off, and the user interface asks no outside host, unless the environment says
otherwise; both must be set before Prefect is imported.
"""

import os
import sys

# Lake, reports and Prefect's database (which holds the key beside what it encrypts) are for the
# user who runs this alone. UNWIND_UMASK opens the lake to a group: docs/operations.md.
try:
    os.umask(int(os.environ.get("UNWIND_UMASK", "077"), 8) & 0o777)
except ValueError:
    sys.exit(f"unwind: UNWIND_UMASK is octal, e.g. 027; got {os.environ['UNWIND_UMASK']}")

os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_SERVER_UI_V2_ENABLED", "false")
# A temporary server needs more than Prefect's 20 seconds on a busy machine.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "90")
# Tracebacks of a temporary server would print the address of a webhook that refuses.
os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_CLASS", "flows.console.Console")
