"""The input contract: each table of the drop folder, its columns, the rules of their values."""

from dataclasses import dataclass

import pandas as pd
import pandera.pandas as pa

from unwind.contract.published_text import FORMULA_SIGNS
from unwind.contract.text import is_printed

LEAST_PRICE, MOST_PRICE = 1e-9, 1e12
# Of what is no price: more dollars, shares or coins than there are, and few enough to be added up.
LARGEST = 1e18
# Characters of a cell, and of a column's name in a message.
MAX_CELL = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class InputTable:
    """One table of the drop folder.

    Attributes
    ----------
    event : str
        The column that says what the row describes: a session date or a UTC instant.
    instant : bool
        The event is a UTC instant, not a date.
    key : tuple of str
        With known_at, these name a row.
    texts, numbers, dates : tuple of str
        Columns by kind. Numbers may be null.
    positive, nonnegative : tuple of str
        Numbers that must be above, or not below, zero where present.
    optional : tuple of str
        Columns that a provider may leave out; they are then null.
    entity : str
        Column that names whose row it is, for quality rows.
    """

    name: str
    event: str
    key: tuple[str, ...]
    entity: str
    texts: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    positive: tuple[str, ...] = ()
    nonnegative: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    instant: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Every declared column, known_at excluded."""
        return (self.event, *self.texts, *self.dates, *self.numbers)

    def checks(self) -> pa.DataFrameSchema:
        """Return the value rules as a pandera schema; each check's `error` is "rule|remedy"."""
        columns = {}
        for name in self.numbers:
            rules = [pa.Check(_finite, error="finite number|write a plain decimal number")]
            if name in self.positive:
                rules.append(pa.Check.gt(0, error="positive|correct the price or leave it empty"))
                rules.append(pa.Check(_a_price, error="within 1e-9 and 1e12|correct the price"))
            elif name in self.nonnegative:
                rules.append(pa.Check.ge(0, error="not negative|correct it or leave it empty"))
                rules.append(pa.Check(_countable, error="at most 1e18|correct it or leave it out"))
            else:
                rules.append(pa.Check(_bounded, error="within ±1e18|correct it or leave it out"))
            columns[name] = pa.Column(float, rules, nullable=True)
        for name in self.texts:
            columns[name] = pa.Column(
                checks=pa.Check(
                    _plain_text, error="plain text of 1 to 64 characters|correct the name"
                ),
                nullable=False,
            )
        return pa.DataFrameSchema(columns)


def _a_price(values: pd.Series) -> pd.Series:
    """Beyond these no market quotes; what is not positive or not finite is named as that."""
    return ~((values > 0) & (values < LEAST_PRICE)) & ~((values > MOST_PRICE) & _finite(values))


def _countable(values: pd.Series) -> pd.Series:
    return ~((values > LARGEST) & _finite(values))


def _bounded(values: pd.Series) -> pd.Series:
    return _countable(values.abs())


def _plain_text(values: pd.Series) -> pd.Series:
    """Whether each is plain; a name is looked at once, however many rows carry it."""
    return values.isin(
        [
            name
            for name in map(str, values.unique())
            if 1 <= len(name) <= MAX_CELL
            and is_printed(name)
            # A spreadsheet would run it as a formula.
            and not name.startswith(FORMULA_SIGNS)
        ]
    )


def _finite(values: pd.Series) -> pd.Series:
    return values.abs() != float("inf")


# Table of the store for quarantined rows.
REJECTED = "rejected"
# Table of the store for moves that a person or a second vendor confirmed.
CONFIRMATIONS = "confirmations"

_BAR = ("open", "high", "low", "close")

INPUT_TABLES = {
    table.name: table
    for table in (
        InputTable(
            name="prices", event="session", key=("session", "symbol"), entity="symbol",
            texts=("symbol",), numbers=(*_BAR, "adj_close", "volume"),
            positive=(*_BAR, "adj_close"), nonnegative=("volume",),
            optional=("open", "high", "low", "adj_close", "volume"),
        ),
        InputTable(
            name="crypto_hourly", event="bar_start_utc", instant=True,
            key=("bar_start_utc", "symbol", "venue"), entity="symbol",
            texts=("symbol", "venue"), numbers=(*_BAR, "volume"),
            positive=_BAR, nonnegative=("volume",), optional=("open", "high", "low", "volume"),
        ),
        InputTable(
            name="etf_flows", event="session", key=("session", "fund", "vendor"), entity="fund",
            texts=("fund", "vendor"), numbers=("net_flow_usd_m",),
        ),
        InputTable(
            name="futures", event="session", key=("session", "venue", "contract"),
            entity="contract", texts=("venue", "contract"), dates=("expiry",),
            numbers=("open", "high", "low", "settle", "volume"),
            positive=("open", "high", "low", "settle"), nonnegative=("volume",),
            optional=("open", "high", "low", "volume"),
        ),
        InputTable(
            name="open_interest", event="session", key=("session", "venue", "contract_group"),
            entity="venue", texts=("venue", "contract_group"),
            numbers=("open_interest_btc", "open_interest_usd"),
            nonnegative=("open_interest_btc", "open_interest_usd"),
            optional=("open_interest_usd",),
        ),
        InputTable(
            name="cftc_positions", event="as_of", key=("as_of", "venue"), entity="venue",
            texts=("venue",),
            numbers=(
                "open_interest_btc", "leveraged_long_btc", "leveraged_short_btc",
                "asset_manager_long_btc", "asset_manager_short_btc",
                "dealer_long_btc", "dealer_short_btc",
            ),
            nonnegative=("open_interest_btc",),
        ),
        InputTable(
            name="perpetuals", event="session", key=("session", "venue"), entity="venue",
            texts=("venue",),
            numbers=(
                "funding_rate_daily", "premium_open", "premium_high", "premium_low",
                "premium_close", "open_interest_btc", "open_interest_usd",
            ),
            nonnegative=("open_interest_btc", "open_interest_usd"),
            optional=(
                "premium_open", "premium_high", "premium_low", "premium_close",
                "open_interest_btc", "open_interest_usd",
            ),
        ),
        InputTable(
            name="implied_vol", event="session", key=("session", "index"), entity="index",
            texts=("index",), numbers=_BAR, positive=_BAR, optional=("open", "high", "low"),
        ),
        InputTable(
            name="option_chains", event="snapshot_at", instant=True,
            key=("snapshot_at", "contract"), entity="underlying",
            texts=("underlying", "contract", "right"), dates=("expiry",),
            numbers=(
                "strike", "bid", "ask", "last", "volume", "open_interest", "implied_vol",
                "underlying_price",
            ),
            positive=("strike", "underlying_price"),
            nonnegative=("bid", "ask", "last", "volume", "open_interest", "implied_vol"),
        ),
        InputTable(
            name="equity_factors_pct", event="session", key=("session",), entity="session",
            numbers=("MktRF", "SMB", "HML", "RMW", "CMA", "RF", "Mom"),
            optional=("RMW", "CMA", "RF", "Mom"),
        ),
        InputTable(
            name="structured_notes", event="issued_at", key=("note",), entity="note",
            texts=("note", "underlying", "observation"), dates=("maturity",),
            numbers=("barrier", "notional_usd"), positive=("barrier", "notional_usd"),
        ),
        InputTable(
            name="published_zscores", event="session", key=("session", "publisher", "group"),
            entity="publisher", texts=("publisher", "group"), numbers=("zscore",),
        ),
    )
}  # fmt: skip
