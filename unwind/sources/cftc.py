"""Positions in CME's bitcoin futures: the CFTC's weekly Traders in Financial Futures report.

Futures only, from the public reporting site (Socrata). Validated against recorded-shape answers;
see docs/sources.md.
"""

import re
from typing import Any

import httpx
import pandas as pd

from unwind.calendar import report_days
from unwind.contract.source import Extract, Fault, Provision
from unwind.settings.sources import Cftc, Retry
from unwind.sources.answers import fetch_json
from unwind.sources.cells import number
from unwind.sources.transport import UNEXPECTED_ANSWER, NoAnswer, Timekeeping, Transport, all_gone

LABEL = "cftc"
PROVISIONS = (
    Provision(
        table="cftc_positions",
        content="CME bitcoin futures in BTC: open interest; long and short of leveraged funds, "
        "asset managers, dealers (futures only, standard and micro contracts together)",
        lag="Tuesday's positions, known on the third federal business day after at 15:30 New York "
        "(Friday, in a week without a holiday), or on the day of unwind/cftc_publications.csv",
        limits="weekly; publication stops in a government shutdown, and what is published later "
        "carries no date of its own: known dates are in that file; contracts not under "
        "[sources.cftc.contracts] are left out",
    ),
)
# The site's own names carry "_all" in some columns and not in others.
COLUMNS = {
    "open_interest_btc": "open_interest",
    "leveraged_long_btc": "lev_money_positions_long",
    "leveraged_short_btc": "lev_money_positions_short",
    "asset_manager_long_btc": "asset_mgr_positions_long",
    "asset_manager_short_btc": "asset_mgr_positions_short",
    "dealer_long_btc": "dealer_positions_long",
    "dealer_short_btc": "dealer_positions_short",
}
DAY = "report_date_as_yyyy_mm_dd"
CODE = "cftc_contract_market_code"
# More rows than the report can hold in fifty years of four contracts.
LARGEST = 10_000
EARLIEST = pd.Timestamp("1970-01-01")
HALF_PAST_THREE = pd.Timedelta(hours=15, minutes=30)


class CftcSource:
    """Reads the report of the contracts that the settings name."""

    def __init__(self, chosen: Cftc, *, retry: Retry, time: Timekeeping) -> None:
        self._chosen = chosen
        self._time = time
        self._transport = Transport(
            LABEL, retry=retry, requests_per_minute=chosen.requests_per_minute, time=time
        )

    @property
    def label(self) -> str:
        """Return "cftc"."""
        return LABEL

    def tables(self) -> tuple[str, ...]:
        """Return the one table there is."""
        return ("cftc_positions",)

    def promised(self, table: str) -> frozenset[str]:
        """The venue whose contracts they are."""
        return frozenset({self._chosen.venue}) if table in self.tables() else frozenset()

    def extract(self, table: str) -> Extract:
        """Ask for every week since the first.

        Raises
        ------
        SourceError
            No week could be had.
        """
        self._transport.begin()
        codes = ", ".join(f"'{code}'" for code in sorted(self._chosen.contracts))
        parameters = {
            "$where": f"{CODE} in ({codes}) and {DAY} >= '{self._chosen.first}T00:00:00'",
            "$order": f"{DAY}, {CODE}",
            "$limit": str(LARGEST),
        }
        url = f"{self._chosen.base_url}/{self._chosen.dataset}.json"
        with httpx.Client(trust_env=True, follow_redirects=False) as client:
            outcome = self._transport.ask(
                "report",
                lambda seconds: _rows_of(
                    fetch_json(
                        client, url, parameters=parameters, seconds=seconds,
                        allowance=self._transport.allowance,
                    )
                ),
            )  # fmt: skip
        if outcome.answer is None:
            assert outcome.fault is not None
            raise all_gone(LABEL, table, (outcome.fault,))
        now = self._time.now()
        rows, faults = positions(
            outcome.answer, contracts=self._chosen.contracts, venue=self._chosen.venue, now=now
        )
        if rows.empty:
            raise all_gone(LABEL, table, faults)
        return Extract("cftc report", rows, faults=faults, received_at=now)


def _rows_of(document: Any) -> list[dict[str, Any]]:
    if not isinstance(document, list) or not all(isinstance(row, dict) for row in document):
        raise NoAnswer(UNEXPECTED_ANSWER, "no list of rows", passing=False)
    if len(document) == LARGEST:
        raise NoAnswer(UNEXPECTED_ANSWER, f"{LARGEST} rows: it may be cut short", passing=False)
    return document


def positions(
    report: list[dict[str, Any]], *, contracts: dict[str, float], venue: str, now: pd.Timestamp
) -> tuple[pd.DataFrame, tuple[Fault, ...]]:
    """Add contracts up to coins, week by week.

    Parameters
    ----------
    report : list of dict
        One row a week and contract, every value a text.
    contracts : dict of str to float
        Contract market code → coins a contract.
    venue : str
    now : Timestamp, UTC
        A week that is there already is known by now, whatever the calendar says.

    Returns
    -------
    DataFrame, tuple of Fault
        Rows of `cftc_positions`. A week that lacks a contract which earlier weeks had, or in which
        a figure is missing, is left out and named: a sum without one of its parts is a fall that
        did not happen. The order of the report does not matter.
    """
    columns = {name for row in report for name in row}
    absent = [name for name in (DAY, CODE) if name not in columns]
    if not report or absent:
        lack = f"no column {', '.join(absent)}" if absent and report else "no rows"
        return pd.DataFrame(), (_fault(f"{len(report)} rows, {lack}", None),)
    # Only what is read becomes a column, however many names a row carries.
    numbers = pd.DataFrame(
        {
            ours: [number(row.get(theirs, row.get(f"{theirs}_all"))) for row in report]
            for ours, theirs in COLUMNS.items()
        }
    )
    codes = [code if isinstance(code := row.get(CODE), str) else "" for row in report]
    coins = pd.Series([contracts.get(code, float("nan")) for code in codes])
    numbers = numbers.mul(coins, axis=0)
    numbers["as_of"] = [_week(row.get(DAY), now=now) for row in report]
    numbers["as_of"] = numbers["as_of"].astype("datetime64[us]")
    numbers["code"] = codes
    held = numbers[coins.notna() & numbers["as_of"].notna()]
    faults = []
    if len(held) < len(numbers):
        faults.append(_fault(f"{len(numbers) - len(held)} rows without a contract or a week", None))
    held = held.sort_values(["as_of", "code", *COLUMNS], kind="stable")
    held = held.drop_duplicates(["as_of", "code"], keep="last")
    first = held.groupby("code")["as_of"].min()
    weeks = []
    for week, rows in held.groupby("as_of"):
        missing = sorted(set(first.index[first <= week]) - set(rows["code"]))
        unread = sorted(rows["code"][rows[list(COLUMNS)].isna().any(axis=1)])
        if missing or unread:
            lack = "contract missing" if missing else "figure missing"
            codes_without = ", ".join(missing or unread)
            faults.append(_fault(f"{lack}: {codes_without}", pd.Timestamp(str(week))))
            continue
        weeks.append({"as_of": week, **rows[list(COLUMNS)].sum().to_dict()})
    if not weeks:
        return pd.DataFrame(), (*faults, _fault("no complete week", None))
    rows = pd.DataFrame(weeks)
    rows["venue"] = venue
    rows["known_at"] = published(pd.DatetimeIndex(rows["as_of"]), now=now)
    return rows, tuple(faults)


def _week(given: Any, *, now: pd.Timestamp) -> pd.Timestamp | None:
    """Read the day of a report, e.g. "2026-02-03T00:00:00.000"; None for all else."""
    if not isinstance(given, str) or not re.fullmatch(r"[12]\d{3}-\d\d-\d\d(T[0:.]{8,12})?", given):
        return None
    try:
        week = pd.Timestamp(given[:10])
    except ValueError:
        return None
    return week if EARLIEST <= week <= now.tz_localize(None) else None


def published(weeks: pd.DatetimeIndex, *, now: pd.Timestamp) -> list[pd.Timestamp]:
    """Publication of each report, 15:30 New York of its day, in UTC; `now` at the latest."""
    instants = (report_days(weeks) + HALF_PAST_THREE).tz_localize("America/New_York")
    return [min(instant, now) for instant in instants.tz_convert("UTC")]


def _fault(detail: str, week: pd.Timestamp | None) -> Fault:
    return Fault(
        entity="CME",
        rule="cftc: incomplete_report",
        severity="warning",
        value=detail,
        remedy="look at the report on the CFTC's site; the week was left out",
        column="" if week is None else "open_interest_btc",
        session=week,
    )
