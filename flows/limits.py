"""Time limits of runs and tasks, in seconds: long enough that only a stalled run reaches one.

The automation `unwind-run-failed` then alerts the desk. Prefect stops the clock of a flow while one
of its tasks runs in the same process, so tasks have their own limits.
"""

HOUR = 3600.0

# One stage of one session: minutes at most. Providers may wait `retry.total_seconds` per table.
STAGE = HOUR
SOURCE = 3 * HOUR
# A chunk of a long flow, or a whole history.
CHUNK = 12 * HOUR

DAILY_RUN = 6 * HOUR
LONG_RUN = 7 * 24 * HOUR
