"""What goes wrong at a source, through the whole of a daily run: said in the lake and the verdict.

One evening on which every provider has a fault of its own, each in another place, so that one run
shows them all; at length each has an evening to itself. Providers are on loopback; waits between
attempts pass on a stopwatch.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

import flows.parameters
from flows.daily import daily
from tests.conftest import small_prices, write_drop
from tests.unwind.loopback import PAGE, Asked, Reply, Stopwatch, loopback
from unwind.calendar import cash_hours, cut_instants
from unwind.lake.snapshots import latest, read
from unwind.lake.verify import verify
from unwind.market.store import read_vintages
from unwind.report.caveats import caveats
from unwind.report.session import SessionDay, session_day
from unwind.settings import DEFAULT_PATH, Settings

SESSION = date(2026, 2, 5)
NOW = pd.Timestamp("2026-02-05T21:20Z")
TOTAL_SECONDS = 60.0
ZONES = {"JPY=X": "Europe/London", "BTC-USD": "UTC", "^VIX": "America/Chicago"}
FROZEN_ROWS = 9


def chart(ticker: str, rows: pd.DataFrame) -> dict[str, Any]:
    """One answer of /v8/finance/chart from rows of prices."""
    days = pd.DatetimeIndex(rows["session"])
    if ticker == "JPY=X":  # read by the hour that ends at the cut
        stamps = cut_instants(days) - pd.Timedelta(hours=1)
    elif ticker == "BTC-USD":
        stamps = days.tz_localize("UTC")
    else:
        stamps = cash_hours(days)[0]
    quote = {name: rows[name].tolist() for name in ("open", "high", "low", "close", "volume")}
    return {
        "chart": {
            "error": None,
            "result": [
                {
                    "meta": {
                        "currency": "USD", "symbol": ticker, "instrumentType": "EQUITY",
                        "exchangeTimezoneName": ZONES.get(ticker, "America/New_York"),
                        "regularMarketTime": int(NOW.timestamp()), "priceHint": 2,
                        "validRanges": ["1d", "max"], "dataGranularity": "1d",
                    },
                    "timestamp": [int(stamp.timestamp()) for stamp in stamps],
                    "indicators": {
                        "quote": [quote], "adjclose": [{"adjclose": rows["adj_close"].tolist()}],
                    },
                }
            ],
        }
    }  # fmt: skip


# Whose fault, what comes instead of an answer, and what a desk then reads.
@dataclass(frozen=True, kw_only=True)
class Case:
    entity: str
    rule: str
    severity: str = "warning"
    table: str = "prices"
    reply: Reply | None = None
    spoil: Callable[[pd.DataFrame], pd.DataFrame] | None = None


def standing_still(rows: pd.DataFrame) -> pd.DataFrame:
    """The last bar again and again."""
    return pd.concat([rows.iloc[:-FROZEN_ROWS], *[rows.iloc[[-FROZEN_ROWS]]] * FROZEN_ROWS]).assign(
        session=rows["session"].to_numpy()
    )


def two_per_cent_off(rows: pd.DataFrame) -> pd.DataFrame:
    """The newest close as nobody else has it."""
    columns = ["open", "high", "low", "close"]
    spoilt = rows.copy()
    spoilt.iloc[-1, [spoilt.columns.get_loc(name) for name in columns]] *= 1.02
    return spoilt


CASES = {
    "time-out": Case(entity="SLV", rule="yahoo: request_timeout", reply=Reply("[]", delay=30)),
    "429": Case(
        entity="TLT", rule="yahoo: rate_limited",
        reply=Reply("slower", status=429, headers={"Retry-After": "7"}),
    ),
    "5xx": Case(
        entity="UUP", rule="yahoo: server_error", reply=Reply("", status=503)
    ),
    "HTML for JSON": Case(entity="HYG", rule="yahoo: invalid_json", reply=Reply(PAGE)),
    "partial universe": Case(
        entity="EEM", rule="yahoo: access_denied", reply=Reply("no such symbol", status=404)
    ),
    "frozen prices": Case(entity="SMH", rule="close: frozen_series", spoil=standing_still),
    "a vendor that disagrees": Case(
        entity="IWM", rule="close: providers_disagree", spoil=two_per_cent_off
    ),
    "a whole provider down": Case(
        entity="crypto", rule="provider_failed", severity="error", table="perpetuals",
        reply=Reply("", status=502),
    ),
    "a whole provider of pages": Case(
        entity="cftc", rule="provider_failed", severity="error", table="cftc_positions",
        reply=Reply(PAGE),
    ),
}  # fmt: skip
PATHS = {"crypto": ("/api/", "/fapi/", "/futures/"), "cftc": ("/gpe5-46if",)}


@dataclass(frozen=True, kw_only=True)
class Evening:
    """A run, what it left, and how long it waited between attempts."""

    state: Any
    lake: Path
    waited: float

    @cached_property
    def day(self) -> SessionDay:
        """What the lake holds of the session."""
        snapshot = latest(self.lake)
        cutoff = read(snapshot, "regimes", as_of=SESSION)["cutoff"].item()
        return session_day(snapshot, as_of=SESSION, cutoff=cutoff)


@pytest.fixture(scope="module")
def market(settings: Settings) -> pd.DataFrame:
    symbols = settings.symbols
    return small_prices(symbols, first=date(2024, 9, 3), last=SESSION)


def settings_file(folder: Path, url: str) -> Path:
    """The default desk, its providers on loopback, its patience short."""
    text = DEFAULT_PATH.read_text(encoding="utf-8")
    calibration = DEFAULT_PATH.with_name("calibration.json")
    for old, new in (
        ('"calibration.json"', f'"{calibration}"'),
        ("attempts = 4", "attempts = 2"),
        ("request_seconds = 15.0", "request_seconds = 2.0"),
        ("total_seconds = 180.0", f"total_seconds = {TOTAL_SECONDS}"),
        ('"https://query2.finance.yahoo.com"', f'"{url}"'),
        ('"https://api.binance.com"', f'"{url}"'),
        ('"https://fapi.binance.com"', f'"{url}"'),
        ('"https://www.deribit.com"', f'"{url}"'),
        ('"https://publicreporting.cftc.gov/resource"', f'"{url}"'),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    target = folder / "desk.toml"
    target.write_text(text, encoding="utf-8")
    return target


def evening(folder: Path, market: pd.DataFrame, cases: list[Case], *, down: bool) -> Evening:
    """Run `daily` against providers with these faults, or against none that answers."""
    by_symbol = {symbol: rows.reset_index(drop=True) for symbol, rows in market.groupby("symbol")}
    faults = {case.entity: case for case in cases}
    tickers = {"JPY=X": "USDJPY", "^VIX": "VIX"}
    own = market[market["symbol"].isin(["IBIT", "IWM"])]
    drop = write_drop(folder / "drop", own)

    def answer(asked: Asked) -> Reply:
        if down:
            return Reply(PAGE, status=503)
        for provider, prefixes in PATHS.items():
            if asked.path.startswith(prefixes):
                found = faults.get(provider)
                return found.reply if found and found.reply else Reply([])
        if not asked.path.startswith("/v8/finance/chart/"):
            plain = {"Content-Type": "text/plain"}
            return Reply("crumb" if "getcrumb" in asked.path else "", headers=plain)
        ticker = asked.path.rsplit("/", 1)[1].replace("%3D", "=").replace("%5E", "^")
        symbol = tickers.get(ticker, ticker)
        if symbol not in by_symbol:
            return Reply("no such symbol", status=404)
        case, rows = faults.get(symbol), by_symbol[symbol]
        if case and case.reply:
            return case.reply
        return Reply(chart(ticker, case.spoil(rows) if case and case.spoil else rows))

    watch, lake = Stopwatch(NOW), folder / "lake"
    others = ["crypto", "cftc"] if down else ["crypto", "cftc", "files"]
    with loopback(answer) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(flows.parameters, "WALL_CLOCK", watch.keeping())
        # As the scheduler has it: due at 16:20 New York.
        patch.setitem(flow_run.FIELDS, "scheduled_start_time", NOW.to_pydatetime)
        state = daily(
            source={"kind": "yahoo", "then": others, "path": str(drop)},
            lake=str(lake), settings=str(settings_file(folder, server.url)), return_state=True,
        )  # fmt: skip
        return Evening(state=state, lake=lake, waited=watch.seconds)


@pytest.fixture(scope="module")
def fresh_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The library keeps cookies, zones and answers in one object a process, and on disk."""
    import yfinance
    from yfinance.data import YfData

    yfinance.set_tz_cache_location(str(tmp_path_factory.mktemp("zones")))
    YfData._instances.clear()  # type: ignore[attr-defined]
    YfData.cache_get.cache_clear()
    yield
    YfData._instances.clear()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def bad_evening(
    prefect_server: None, fresh_library: None, market: pd.DataFrame,
    tmp_path_factory: pytest.TempPathFactory,
) -> Evening:  # fmt: skip
    return evening(tmp_path_factory.mktemp("bad"), market, list(CASES.values()), down=False)


def told_of(found: Evening, case: Case) -> None:
    """The fault is a row with a remedy in the lake, and stands in the report."""
    quality = found.day.tables["quality"]
    (row,) = quality[
        (quality["entity"] == case.entity)
        & (quality["rule"] == case.rule)
        & (quality["table"] == case.table)
    ].to_dict("records")
    assert row["severity"] == case.severity
    assert row["remedy"]
    assert row["example"]
    page = Path(found.state.result()["report"]).read_text(encoding="utf-8")
    assert case.entity in page
    assert case.rule.replace("_", " ") in page


@pytest.mark.prefect
class TestEveryFaultAtOnce:
    @pytest.mark.parametrize("name", list(CASES))
    def test_is_a_row_with_a_remedy(self, name: str, bad_evening: Evening) -> None:
        told_of(bad_evening, CASES[name])

    def test_the_verdict_says_what_it_lacks(self, bad_evening: Evening) -> None:
        day = bad_evening.day
        first, *_ = caveats(day.tables)
        assert first == "Data error: cftc_positions, cftc: provider failed (1 row)."
        assert any("more data warnings: see data quality" in one for one in caveats(day.tables))
        with get_client(sync_client=True) as client:
            held = client.read_artifacts()
        run = bad_evening.state.state_details.flow_run_id
        (page,) = [one for one in held if one.flow_run_id == run and one.key == "verdict"]
        assert "**Caveats**" in str(page.data)
        assert "Data error: cftc" in str(page.data)

    def test_what_nobody_gave_has_no_number(self, bad_evening: Evening) -> None:
        tables = bad_evening.day.tables
        gone = [case.entity for case in CASES.values() if case.reply and case.table == "prices"]
        absent = tables["quality"].loc[tables["quality"]["rule"] == "missing_symbol", "entity"]
        assert set(gone) <= set(absent)
        linked = tables["correlations"]
        assert linked.loc[linked["asset"].isin(gone), "value"].isna().all()
        assert linked.loc[linked["asset"] == "IGV", "value"].notna().any()

    def test_the_first_vendor_stands_where_two_disagree(self, bad_evening: Evening) -> None:
        rows = read_vintages(bad_evening.lake / "market", "prices")
        newest = rows[(rows["symbol"] == "IWM") & (rows["session"] == pd.Timestamp(SESSION))]
        quality = bad_evening.day.tables["quality"]
        example = quality.loc[quality["rule"] == "close: providers_disagree", "example"].item()
        assert f"yahoo {newest['close'].item():.10g} is used, files has " in example

    def test_waits_are_bounded(self, bad_evening: Evening) -> None:
        # Yahoo has three tables, the crypto venues four, the CFTC one.
        assert 7.0 < bad_evening.waited < 8 * TOTAL_SECONDS

    def test_nobody_answers_and_the_last_good_snapshot_stays(
        self, bad_evening: Evening, market: pd.DataFrame
    ) -> None:
        before = latest(bad_evening.lake)
        after = evening(bad_evening.lake.parent, market, [], down=True)
        assert after.state.is_failed()
        assert "yahoo gave no prices: yahoo: server_error" in after.state.message
        assert "run again later" in after.state.message
        assert after.waited < 2 * TOTAL_SECONDS
        assert latest(bad_evening.lake).name == before.name
        assert verify(bad_evening.lake, every=True).faults == []


@pytest.mark.prefect
@pytest.mark.at_length
@pytest.mark.usefixtures("prefect_server", "fresh_library")
class TestEachFaultAlone:
    @pytest.mark.parametrize("name", list(CASES))
    def test_is_said_in_the_verdict(self, name: str, market: pd.DataFrame, tmp_path: Path) -> None:
        case = CASES[name]
        found = evening(tmp_path, market, [case], down=False)
        told_of(found, case)
        others = {one.entity for one in CASES.values()} - {case.entity, "crypto", "cftc"}
        assert not others & set(found.day.tables["quality"]["entity"])
