"""A drop folder as the verdict saw it: by what was known at each publication."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.errors import NotEnoughData
from tests.conftest import RECEIVED, small_prices, write_drop
from unwind.contract.source import SourceError
from unwind.settings import Settings
from unwind.sources.files import FilesSource
from unwind.studies.history import WARM_UP, History, folder_names, read_history

SYMBOLS = ("SPY", "QQQ", "IGV", "SMH", "EFA", "EEM", "HYG", "TLT", "GLD")
FIRST, LAST = date(2024, 1, 11), date(2024, 12, 31)
DAY = pd.Timestamp("2024-10-15")


@pytest.fixture(scope="module")
def prices() -> pd.DataFrame:
    return small_prices((*SYMBOLS, "IBIT"), first=FIRST, last=LAST)


def _history(folder: Path, settings: Settings) -> History:
    return read_history(
        FilesSource(folder), name=folder.name, received_at=RECEIVED, settings=settings
    )


@pytest.fixture(scope="module")
def plain(
    prices: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory, settings: Settings
) -> History:
    return _history(write_drop(tmp_path_factory.mktemp("plain"), prices), settings)


class TestHistory:
    def test_holds_every_session_once(self, plain: History, prices: pd.DataFrame) -> None:
        sessions = sorted(prices["session"].unique())
        assert plain.drivers.index.tolist() == sessions
        assert plain.first_scored == sessions[WARM_UP]
        assert plain.drivers["breadth"].loc[plain.first_scored :].notna().all()
        assert len(plain.rules) == 7
        for values in plain.rules.values():
            assert values.index.equals(plain.drivers.index)

    def test_without_a_volatility_index_its_rules_are_silent(self, plain: History) -> None:
        assert plain.rules["VIX level"].isna().all()
        assert plain.rules["joint downside tail"].notna().any()

    def test_reads_the_volatility_index(
        self, prices: pd.DataFrame, tmp_path: Path, settings: Settings
    ) -> None:
        sessions = sorted(prices["session"].unique())
        level = pd.DataFrame({"session": sessions, "index": "VIX"})
        for name in ("open", "high", "low", "close"):
            level[name] = 17.0
        folder = write_drop(tmp_path / "drop", prices, implied_vol=level)
        assert (_history(folder, settings).rules["VIX level"].dropna() == 17.0).all()

    def test_fear_without_selling_moves_no_driver(
        self, plain: History, prices: pd.DataFrame, tmp_path: Path, settings: Settings
    ) -> None:
        """The index of implied volatility doubles; prices do nothing that they did not do."""
        sessions = pd.Series(sorted(prices["session"].unique()))
        level = pd.DataFrame({"session": sessions, "index": "VIX"})
        for name in ("open", "high", "low", "close"):
            level[name] = np.where(sessions >= DAY, 34.0, 17.0)
        history = _history(write_drop(tmp_path / "drop", prices, implied_vol=level), settings)
        assert history.rules["VIX change"].loc[DAY] == pytest.approx(np.log(2))
        pd.testing.assert_frame_equal(history.drivers, plain.drivers, check_exact=True)

    def test_a_later_day_changes_nothing(
        self, plain: History, prices: pd.DataFrame, tmp_path: Path, settings: Settings
    ) -> None:
        short = write_drop(tmp_path / "drop", prices[prices["session"] <= DAY])
        pd.testing.assert_frame_equal(
            _history(short, settings).drivers, plain.drivers.loc[:DAY], check_exact=True
        )

    def test_order_of_rows_does_not_matter(
        self, plain: History, prices: pd.DataFrame, tmp_path: Path, settings: Settings
    ) -> None:
        shuffled = write_drop(tmp_path / "drop", prices.sample(frac=1, random_state=1))
        pd.testing.assert_frame_equal(
            _history(shuffled, settings).drivers, plain.drivers, check_exact=True
        )


class TestLateData:
    def test_known_after_publication_is_not_seen(
        self, prices: pd.DataFrame, tmp_path: Path, settings: Settings
    ) -> None:
        """GLD's crash is on file, but was printed the day after: its day did not know."""
        crashed = prices.copy()
        row = (crashed["symbol"] == "GLD") & (crashed["session"] == DAY)
        bars = ["open", "high", "low", "close", "adj_close"]
        crashed.loc[row, bars] *= 0.8
        instants = crashed["session"].dt.tz_localize("UTC") + pd.Timedelta(hours=20)
        late = crashed.assign(known_at=instants.mask(row, instants + pd.Timedelta(days=1)))
        punctual = crashed.assign(known_at=instants)
        seen, unseen, absent = (
            _history(write_drop(tmp_path / name, table), settings).drivers.loc[:DAY]
            for name, table in (
                ("punctual", punctual), ("late", late), ("absent", punctual[~row]),
            )
        )  # fmt: skip
        pd.testing.assert_frame_equal(unseen, absent, check_exact=True)
        assert seen["breadth"].loc[DAY] > unseen["breadth"].loc[DAY]


class TestMissingBase:
    def test_the_other_classes_are_history_enough(
        self, prices: pd.DataFrame, tmp_path: Path, settings: Settings
    ) -> None:
        others = prices[prices["symbol"] != "IBIT"]
        history = _history(write_drop(tmp_path / "drop", others), settings)
        assert history.drivers["breadth"].notna().any()
        assert history.base.notna().all()

    def test_nothing_of_the_verdict_is_a_sentence(
        self, prices: pd.DataFrame, tmp_path: Path, settings: Settings
    ) -> None:
        strangers = prices[prices["symbol"] == "IBIT"].assign(symbol="XYZ")
        folder = write_drop(tmp_path / "strangers", strangers)
        with pytest.raises(NotEnoughData, match="sessions of strangers") as caught:
            _history(folder, settings)
        assert caught.value.got == 0


class TestShortHistory:
    def test_is_a_sentence(self, prices: pd.DataFrame, tmp_path: Path, settings: Settings) -> None:
        days = sorted(prices["session"].unique())[: WARM_UP + 1]
        folder = write_drop(tmp_path / "young", prices[prices["session"].isin(days)])
        with pytest.raises(NotEnoughData, match="sessions of young") as caught:
            _history(folder, settings)
        assert (caught.value.need, caught.value.got) == (WARM_UP + 2, WARM_UP + 1)

    def test_no_folder_is_a_sentence(self, tmp_path: Path, settings: Settings) -> None:
        with pytest.raises(SourceError, match="does not exist"):
            _history(tmp_path / "none", settings)


class TestOwnFactors:
    def test_take_the_place_of_funds(
        self, prices: pd.DataFrame, tmp_path: Path, settings: Settings
    ) -> None:
        sessions = sorted(prices["session"].unique())
        generator = np.random.default_rng(6)
        names = ("MktRF", "SMB", *settings.verdict.factors)
        factors = pd.DataFrame(
            {name: generator.standard_normal(len(sessions)) for name in names}
        ).assign(session=sessions)
        factors.loc[factors["session"] == DAY, list(settings.verdict.factors)] = -4.0
        folder = write_drop(tmp_path / "drop", prices, equity_factors_pct=factors)
        crowding = _history(folder, settings).drivers["crowding"]
        assert crowding.idxmax() == DAY


class TestTwoFoldersOfOneName:
    def test_the_whole_path_tells_them_apart(self, tmp_path: Path) -> None:
        paths = [str(tmp_path / "old" / "market"), str(tmp_path / "new" / "market")]
        assert folder_names(paths) == tuple(paths)
        assert folder_names([paths[0], str(tmp_path / "crypto")]) == ("market", "crypto")

    def test_one_folder_twice_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="is named twice"):
            folder_names([str(tmp_path), str(tmp_path / ".")])
