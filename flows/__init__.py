"""Prefect and nothing else: one flow per file, its tasks the functions of `unwind` themselves.

- `flows.daily`: one session, from source to verdict, tables, report and artifacts
- `flows.morning_after`: the next-morning run, with overnight data; `flows.session`: shared by both
- `flows.backfill`: many sessions, resumable
- `flows.replay`: one session at several cut-offs
- `flows.calibrate`, `flows.evaluate`: the verdict against labelled episodes; `flows.histories`
- `flows.universe`, `flows.scan`: the volatility of every asset, the correlation of every pair;
  `flows.spread`: over processes or Dask
- `flows.alerts`: transitions and digests, as Prefect events
- `flows.server`: work pool, automations and notification block on a Prefect server
- `flows.serving`: that server with a login; `flows.recovery`: runs whose process is gone;
  `flows.private_files`: login and key; `flows.console`: the server's log handler
- `flows.parameters`, `flows.faults`, `flows.limits`, `flows.artifacts`, `flows.progress`: shared
- `flows.commands`: the flows as commands of `unwind`

Telemetry is off, the user interface asks no outside host, no task is cached, and the console shows
warnings alone while a run's page shows its log, unless the environment says otherwise. All of it
must be set before Prefect is imported; deployments/pools.yaml sets what a deployed run needs.
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
# Frames are not hashed: a task is run again, and gives the same bytes.
os.environ.setdefault("PREFECT_TASKS_DEFAULT_NO_CACHE", "true")
os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "WARNING")
# A temporary server needs more than Prefect's 20 seconds on a busy machine.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "90")
# Tracebacks of a temporary server would print the address of a webhook that refuses.
os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_CLASS", "flows.console.Console")
