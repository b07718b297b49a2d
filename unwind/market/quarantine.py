"""Faults of a source, or between sources, as rows of the quarantine log."""

from collections.abc import Iterable

import pandas as pd

from unwind.calendar import all_sessions, publication_instant
from unwind.contract.source import Fault
from unwind.market.screening import REJECTED_COLUMNS
from unwind.settings.shared import Publication

# Row number of a fault without a row in a file.
NO_ROW = 0


def fault_rows(
    faults: Iterable[Fault],
    *,
    table: str,
    origin: str,
    received_at: pd.Timestamp,
    publication: Publication,
) -> pd.DataFrame:
    """Return faults as quarantined rows.

    Parameters
    ----------
    faults : iterable of Fault
    table, origin : str
    received_at : Timestamp, UTC
        Scheduled start time of the run. A fault of a request belongs to the newest session
        published by then and to that session's own run, even if that run is late.
    publication : Publication

    Returns
    -------
    DataFrame
        Columns `REJECTED_COLUMNS`, sorted; a faulty number without a known_at of its own gets that
        of its table's lag rule.
    """
    listed = list(faults)
    if not listed:
        return pd.DataFrame({name: [] for name in REJECTED_COLUMNS})
    served = _served(received_at, publication)
    known = publication_instant(served.date(), publication)
    rows = pd.DataFrame(
        [
            {
                "table": table,
                "entity": fault.entity[:64],
                "rule": f"{fault.column}: {fault.rule}" if fault.column else fault.rule,
                "severity": fault.severity,
                "origin": origin,
                "row": NO_ROW,
                "column": fault.column,
                "value": fault.value[:160],
                "remedy": fault.remedy,
                "session": served if fault.session is None else fault.session,
                "known_at": known if fault.session is None else pd.NaT,
            }
            for fault in listed
        ]
    )
    rows["session"] = rows["session"].astype("datetime64[us]")
    rows["known_at"] = pd.to_datetime(rows["known_at"], utc=True).dt.as_unit("us")
    return rows.sort_values(["entity", "rule", "session", "value"], ignore_index=True)


def _served(received_at: pd.Timestamp, publication: Publication) -> pd.Timestamp:
    """Return the newest session published by an instant."""
    days = all_sessions()
    day = received_at.tz_convert(publication.zone).tz_localize(None).normalize()
    position = int(days.searchsorted(day, side="right")) - 1
    if publication_instant(days[position].date(), publication) > received_at:
        position -= 1
    return pd.Timestamp(days[max(position, 0)])
