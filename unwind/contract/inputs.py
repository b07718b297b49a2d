"""The input contract: each table of the drop folder, its columns, the rules of their values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd
import pandera.pandas as pa

from unwind.contract.published_text import FORMULA_SIGNS
from unwind.contract.quantities import (
    COIN_INTEREST,
    COINS,
    CONTRACTS,
    COUNT,
    DOLLAR_INTEREST,
    FACTOR,
    FLOW,
    FUNDING,
    NOTIONAL,
    PREMIUM,
    PREMIUM_EXTREME,
    PRICE,
    QUOTE,
    QUOTED_VOLATILITY,
    RISK_FREE,
    STRIKE,
    VOLATILITY_INDEX,
    ZSCORE,
    Quantity,
)
from unwind.contract.text import is_printed

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
    texts, dates : tuple of str
        Columns by kind.
    numbers : mapping of str to Quantity
        Numeric columns, each with unit and bounds. They may be null.
    optional : tuple of str
        Columns that a provider may leave out; they are then null.
    entity : str
        Column that names whose row it is, for quality rows; where that is the event, quality rows
        name the table.
    """

    name: str
    event: str
    key: tuple[str, ...]
    entity: str
    texts: tuple[str, ...] = ()
    numbers: Mapping[str, Quantity] = field(default_factory=dict)
    dates: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    instant: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Every declared column, known_at excluded."""
        return (self.event, *self.texts, *self.dates, *self.numbers)

    @property
    def series(self) -> list[str]:
        """Columns that name a series: the key without the event."""
        return [name for name in self.key if name != self.event]

    def checks(self) -> pa.DataFrameSchema:
        """Return the value rules as a pandera schema; each check's `error` is "rule|remedy"."""
        columns = {
            name: pa.Column(float, quantity.checks(), nullable=True)
            for name, quantity in self.numbers.items()
        }
        for name in self.texts:
            columns[name] = pa.Column(
                checks=pa.Check(
                    _plain_text, error="invalid_name|write plain text of 1 to 64 characters"
                ),
                nullable=False,
            )
        return pa.DataFrameSchema(columns)


def _plain_text(values: pd.Series) -> pd.Series:
    """Mark plain names; each distinct name is checked once, however many rows have it."""
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


# Table of the store for quarantined rows.
REJECTED = "rejected"
# Table of the store for moves that a person or a second vendor confirmed.
CONFIRMATIONS = "confirmations"

_BAR = {
    "open": PRICE,
    "high": PRICE,
    "low": PRICE,
    "close": PRICE,
}
_INDEX_BAR = {
    "open": VOLATILITY_INDEX,
    "high": VOLATILITY_INDEX,
    "low": VOLATILITY_INDEX,
    "close": VOLATILITY_INDEX,
}

INPUT_TABLES = {
    table.name: table
    for table in (
        InputTable(
            name="prices", event="session", key=("session", "symbol"), entity="symbol",
            texts=("symbol",),
            numbers={
                **_BAR,
                "adj_close": PRICE,
                "volume": COUNT,
            },
            optional=("open", "high", "low", "adj_close", "volume"),
        ),
        InputTable(
            name="crypto_hourly", event="bar_start_utc", instant=True,
            key=("bar_start_utc", "symbol", "venue"), entity="symbol",
            texts=("symbol", "venue"),
            numbers={
                **_BAR,
                "volume": COUNT,
            },
            optional=("open", "high", "low", "volume"),
        ),
        InputTable(
            name="etf_flows", event="session", key=("session", "fund", "vendor"), entity="fund",
            texts=("fund", "vendor"),
            numbers={"net_flow_usd_m": FLOW},
        ),
        InputTable(
            name="futures", event="session", key=("session", "venue", "contract"),
            entity="contract", texts=("venue", "contract"), dates=("expiry",),
            numbers={
                "open": PRICE,
                "high": PRICE,
                "low": PRICE,
                "settle": PRICE,
                "volume": CONTRACTS,
            },
            optional=("open", "high", "low", "volume"),
        ),
        InputTable(
            name="open_interest", event="session", key=("session", "venue", "contract_group"),
            entity="venue", texts=("venue", "contract_group"),
            numbers={
                "open_interest_btc": COIN_INTEREST,
                "open_interest_usd": DOLLAR_INTEREST,
            },
            optional=("open_interest_usd",),
        ),
        InputTable(
            name="cftc_positions", event="as_of", key=("as_of", "venue"), entity="venue",
            texts=("venue",),
            numbers={
                "open_interest_btc": COIN_INTEREST,
                "leveraged_long_btc": COIN_INTEREST,
                "leveraged_short_btc": COIN_INTEREST,
                "asset_manager_long_btc": COINS,
                "asset_manager_short_btc": COINS,
                "dealer_long_btc": COINS,
                "dealer_short_btc": COINS,
            },
        ),
        InputTable(
            name="perpetuals", event="session", key=("session", "venue"), entity="venue",
            texts=("venue",),
            numbers={
                "funding_rate_daily": FUNDING,
                "premium_open": PREMIUM,
                "premium_high": PREMIUM_EXTREME,
                "premium_low": PREMIUM_EXTREME,
                "premium_close": PREMIUM,
                "open_interest_btc": COIN_INTEREST,
                "open_interest_usd": DOLLAR_INTEREST,
            },
            optional=(
                "premium_open", "premium_high", "premium_low", "premium_close",
                "open_interest_btc", "open_interest_usd",
            ),
        ),
        InputTable(
            name="implied_vol", event="session", key=("session", "index"), entity="index",
            texts=("index",), numbers=_INDEX_BAR, optional=("open", "high", "low"),
        ),
        InputTable(
            name="option_chains", event="snapshot_at", instant=True,
            key=("snapshot_at", "contract"), entity="underlying",
            texts=("underlying", "contract", "right"), dates=("expiry",),
            numbers={
                "strike": STRIKE,
                "bid": QUOTE,
                "ask": QUOTE,
                "last": QUOTE,
                "volume": CONTRACTS,
                "open_interest": CONTRACTS,
                "implied_vol": QUOTED_VOLATILITY,
                "underlying_price": PRICE,
            },
        ),
        InputTable(
            name="equity_factors_pct", event="session", key=("session",), entity="session",
            numbers={
                "MktRF": FACTOR,
                "SMB": FACTOR,
                "HML": FACTOR,
                "RMW": FACTOR,
                "CMA": FACTOR,
                "RF": RISK_FREE,
                "Mom": FACTOR,
            },
            optional=("RMW", "CMA", "RF", "Mom"),
        ),
        InputTable(
            name="structured_notes", event="issued_at", key=("note",), entity="note",
            texts=("note", "underlying", "observation"), dates=("maturity",),
            numbers={
                "barrier": STRIKE,
                "notional_usd": NOTIONAL,
            },
        ),
        InputTable(
            name="published_zscores", event="session", key=("session", "publisher", "group"),
            entity="publisher", texts=("publisher", "group"),
            numbers={"zscore": ZSCORE},
        ),
    )
}  # fmt: skip
