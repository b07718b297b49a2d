"""Several providers as one: who stands, what differs, who stands in, and what an outage leaves."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import RECEIVED, small_prices
from tests.unwind.contexts import run_context
from unwind.calendar import publication_instant
from unwind.contract.source import Extract, Fault, SourceError
from unwind.indicators.context import Slot
from unwind.indicators.data_quality import quality_rows
from unwind.market.store import ingest, known_by, read_rejected, read_vintages
from unwind.pipeline import load_market, observe
from unwind.report.caveats import caveats
from unwind.settings import Settings, SettingsError
from unwind.sources.combined import CombinedSource

LAST = pd.Timestamp("2026-02-05")
SCHEDULED = pd.Timestamp("2026-02-05T21:20Z")


class Given:
    """A provider that gives these rows, or fails."""

    def __init__(
        self,
        label: str,
        tables: dict[str, pd.DataFrame | SourceError],
        *,
        promises: dict[str, set[str]] | None = None,
        faults: tuple[Fault, ...] = (),
        received_at: pd.Timestamp | None = None,
    ) -> None:
        self.label = label
        self._tables = tables
        self._promises = promises or {}
        self._faults = faults
        self._received_at = received_at

    def tables(self) -> tuple[str, ...]:
        return tuple(self._tables)

    def promised(self, table: str) -> frozenset[str]:
        return frozenset(self._promises.get(table, ()))

    def extract(self, table: str) -> Extract:
        given = self._tables[table]
        if isinstance(given, SourceError):
            raise given
        return Extract(
            f"{self.label} {table}", given, faults=self._faults, received_at=self._received_at
        )


def _prices(symbols: tuple[str, ...] = ("IBIT", "IGV"), *, seed: int = 7) -> pd.DataFrame:
    return small_prices(symbols, first=date(2026, 1, 5), last=date(2026, 2, 5), seed=seed)


def _vendor(rows: pd.DataFrame | SourceError, **given: object) -> Given:
    promises = {"prices": {"IBIT", "IGV"}}
    return Given("yahoo", {"prices": rows}, promises=promises, **given)  # type: ignore[arg-type]


def _both(first: pd.DataFrame | SourceError, second: pd.DataFrame | SourceError) -> CombinedSource:
    return CombinedSource((_vendor(first), Given("files", {"prices": second})))


def _held(
    store: Path, source: object, settings: Settings, at: pd.Timestamp = RECEIVED
) -> pd.DataFrame:
    ingest(store, source, settings=settings, received_at=at)  # type: ignore[arg-type]
    return known_by(read_vintages(store, "prices"), "prices", cutoff=at)


class TestAgreement:
    def test_the_first_stands_and_the_label_names_all(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        other = _prices()
        other["volume"] += 1
        source = _both(_prices(), other)
        assert source.label == "yahoo+files"
        held = _held(tmp_path, source, settings)
        assert held["volume"].sum() == _prices()["volume"].sum()
        assert read_rejected(tmp_path).empty

    def test_the_order_of_rows_does_not_matter(self, tmp_path: Path, settings: Settings) -> None:
        mine, theirs = _prices(), _prices(("IGV", "GLD"))
        plain = _held(tmp_path / "a", _both(mine, theirs), settings)
        turned = _held(
            tmp_path / "b",
            _both(mine.sample(frac=1, random_state=3), theirs.sample(frac=1, random_state=4)),
            settings,
        )
        pd.testing.assert_frame_equal(plain, turned)

    def test_alone_is_the_same_as_beside_nothing(self, tmp_path: Path, settings: Settings) -> None:
        alone = _held(tmp_path / "a", _vendor(_prices()), settings)
        beside = _held(tmp_path / "b", _both(_prices(), _prices().iloc[:0]), settings)
        pd.testing.assert_frame_equal(alone, beside)


class TestDisagreement:
    def test_names_both_values_and_who_stands(self, tmp_path: Path, settings: Settings) -> None:
        other = _prices()
        other.loc[3, ["open", "high", "low", "close"]] *= 1.01
        _held(tmp_path, _both(_prices(), other), settings)
        (fault,) = read_rejected(tmp_path).to_dict("records")
        assert fault["entity"] == "IBIT"
        assert fault["rule"] == "close: providers_disagree"
        assert fault["severity"] == "warning"
        mine, theirs = _prices().loc[3, "close"], other.loc[3, "close"]
        assert fault["value"] == f"yahoo {mine:.10g} is used, files has {theirs:.10g}"
        assert fault["session"] == _prices().loc[3, "session"]
        # Known with the row, by its lag rule: the session's own run says it.
        assert fault["known_at"] == pd.Timestamp("2026-01-08T21:15Z")

    def test_is_said_once_however_often_it_is_read(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        other = _prices()
        other["close"] *= 0.998
        for day in range(3):
            _held(tmp_path, _both(_prices(), other), settings, RECEIVED + pd.Timedelta(days=day))
        assert len(read_rejected(tmp_path)) == len(other)

    def test_inside_the_bound_is_none(self, tmp_path: Path, settings: Settings) -> None:
        other = _prices()
        other["close"] *= 1.0009
        _held(tmp_path, _both(_prices(), other), settings)
        assert read_rejected(tmp_path).empty

    def test_vendors_of_flows_stand_side_by_side(self, tmp_path: Path, settings: Settings) -> None:
        flows = pd.DataFrame(
            {"session": [LAST], "fund": ["IBIT"], "net_flow_usd_m": [-175.3], "vendor": ["farside"]}
        )
        other = flows.assign(vendor="issuer", net_flow_usd_m=-170.0)
        source = CombinedSource(
            (
                Given("yahoo", {"prices": _prices(), "etf_flows": other}),
                Given("files", {"etf_flows": flows}),
            )
        )
        _held(tmp_path, source, settings)
        assert len(read_vintages(tmp_path, "etf_flows")) == 2


class TestStandIn:
    def test_fills_a_gap_on_the_scale_of_the_first(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        whole = _prices()
        gone = (whole["symbol"] == "IGV") & (whole["session"] == LAST)
        # The same market, adjusted to another day: every ratio is the same.
        other = whole.assign(adj_close=whole["adj_close"] * 0.5)
        held = _held(tmp_path, _both(whole[~gone], other), settings)
        assert held["adj_close"].to_numpy() == pytest.approx(
            whole.sort_values(["session", "symbol"])["adj_close"].to_numpy()
        )
        (said,) = read_rejected(tmp_path).to_dict("records")
        assert said["rule"] == "fallback_provider_used"
        assert said["value"] == "1 rows from files, the newest of 2026-02-05"

    def test_on_an_unknown_scale_has_no_adjusted_close(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        whole = _prices()
        today = whole["session"] == LAST
        held = _held(tmp_path, _both(whole[~today], whole[today]), settings)
        assert held.loc[held["session"] == LAST, "adj_close"].isna().all()
        assert held.loc[held["session"] == LAST, "close"].notna().all()

    def test_an_outage_revises_nothing_and_the_return_is_right(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        """Yesterday yahoo gave all; today it is down and the folder has another scale."""
        whole = _prices()
        before = whole[whole["session"] < LAST]
        _held(tmp_path, _vendor(before), settings, SCHEDULED - pd.Timedelta(days=1))
        other = whole.assign(adj_close=whole["adj_close"] * 3, volume=whole["volume"] + 5)
        source = _both(SourceError("yahoo gave no prices: HTTP 503; run again later"), other)
        ingest(tmp_path, source, settings=settings, received_at=SCHEDULED)
        vintages = read_vintages(tmp_path, "prices")
        assert len(vintages) == len(whole)
        at = known_by(vintages, "prices", cutoff=pd.Timestamp("2026-02-05T21:15Z"))
        mine = at[at["symbol"] == "IGV"]["adj_close"].tolist()
        truth = whole[whole["symbol"] == "IGV"]["adj_close"].tolist()
        assert mine[-1] / mine[-2] == pytest.approx(truth[-1] / truth[-2])


class TestOutage:
    def test_the_others_run_and_the_quality_rows_of_the_session_say_it(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        symbols = (*settings.universe.symbols, "VIX")
        prices = small_prices(symbols, first=date(2025, 6, 2), last=date(2026, 2, 6))
        down = SourceError("crypto gave no perpetuals: HTTP 503; run again later")
        source = CombinedSource(
            (Given("files", {"prices": prices}), Given("crypto", {"perpetuals": down}))
        )
        ingest(tmp_path, source, settings=settings, received_at=SCHEDULED + pd.Timedelta("1D"))
        market = load_market(tmp_path)
        told, doubts = {}, ()
        for day in (date(2026, 2, 5), date(2026, 2, 6)):
            moment = Slot(
                as_of=day, cutoff=publication_instant(day, settings.publication),
                source=source.label,
            )  # fmt: skip
            panel = observe(market, moment, settings=settings).panel
            rows = quality_rows(
                run_context(panel=panel, moment=moment, settings=settings), market.rejected, []
            )
            told[day] = rows.set_index("table")
            nothing = dict.fromkeys(("regimes", "volatility", "correlations"), pd.DataFrame())
            doubts = caveats(nothing | {"quality": rows})
        assert "perpetuals" not in told[date(2026, 2, 5)].index
        row = told[date(2026, 2, 6)].loc["perpetuals"]
        assert (row["entity"], row["severity"]) == ("crypto", "error")
        assert row["rule"] == "provider_failed"
        assert "HTTP 503" in row["example"]
        assert "Data error: perpetuals, crypto: provider failed (1 row)." in doubts

    def test_without_any_prices_there_is_no_run(self, tmp_path: Path, settings: Settings) -> None:
        source = _both(SourceError("yahoo is down"), SourceError("the share is gone"))
        with pytest.raises(SourceError, match="yahoo is down; the share is gone"):
            ingest(tmp_path, source, settings=settings, received_at=RECEIVED)
        assert not list(tmp_path.rglob("*.parquet"))

    def test_faults_beside_rows_are_kept(self, tmp_path: Path, settings: Settings) -> None:
        fault = Fault(
            entity="GLD", rule="yahoo: request_timeout", severity="warning", value="no answer",
            remedy="run again later",
        )  # fmt: skip
        _held(tmp_path, _vendor(_prices(), faults=(fault,)), settings, SCHEDULED)
        (said,) = read_rejected(tmp_path).to_dict("records")
        assert (said["session"], said["known_at"]) == (LAST, pd.Timestamp("2026-02-05T21:15Z"))
        assert (said["row"], said["column"]) == (0, "")


class TestLateAnswer:
    def test_a_revision_is_known_when_it_arrived_not_when_the_run_was_due(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        _held(tmp_path, _vendor(_prices()), settings, SCHEDULED)
        revised = _prices()
        revised.loc[0, "volume"] = 5.0
        arrived = SCHEDULED + pd.Timedelta(hours=3)
        _held(tmp_path, _vendor(revised, received_at=arrived), settings, SCHEDULED)
        newest = read_vintages(tmp_path, "prices")["known_at"].max()
        assert newest == arrived


class TestRefusal:
    @pytest.mark.parametrize(
        ("agreement", "said"),
        [
            ({"prices": {"colour": 0.1}}, "sources.agreement.prices names colour"),
            ({"weather": {"close": 0.1}}, "sources.agreement.weather names close"),
        ],
    )
    def test_a_bound_on_nothing(
        self, agreement: object, said: str, tmp_path: Path, settings: Settings
    ) -> None:
        terms = settings.sources.model_copy(update={"agreement": agreement})
        desk = settings.model_copy(update={"sources": terms})
        with pytest.raises(SettingsError, match=said):
            _held(tmp_path, _both(_prices(), _prices()), desk)

    @pytest.mark.parametrize(
        ("labels", "said"),
        [
            (("files", "files"), "name each once"),
            (("files", "simulated:calm"), "never combined"),
            (("crypto", "cftc"), "none of crypto, cftc has prices"),
        ],
    )
    def test_names_the_rule(self, labels: tuple[str, ...], said: str) -> None:
        tables = {"files": {"prices": _prices()}}
        providers = tuple(Given(label, tables.get(label, {})) for label in labels)
        with pytest.raises(SourceError, match=said):
            CombinedSource(providers)
