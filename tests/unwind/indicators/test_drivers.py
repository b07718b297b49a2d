"""What the verdict looks at: classes, sleeves, and what a desk without factor returns has."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from tests.unwind.verdict_markets import verdict
from unwind.calendar import sessions_between
from unwind.indicators.drivers import driver_history, sleeve_returns
from unwind.indicators.verdict import judge
from unwind.settings import Settings
from unwind.studies.history import History

SESSIONS = sessions_between(date(2024, 1, 11), date(2026, 3, 20))


@pytest.fixture(scope="module")
def returns(settings: Settings) -> pd.DataFrame:
    """Returns of every class and sleeve fund, one common factor, no event."""
    generator = np.random.default_rng(21)
    n = len(SESSIONS)
    common = 0.006 * generator.standard_t(5, n)
    drawn = {
        symbol: common + 0.009 * generator.standard_t(5, n) for symbol in settings.verdict.symbols
    }
    for fund, index in settings.verdict.spreads:
        drawn[fund] = drawn[index] + 0.003 * generator.standard_t(5, n)
    return pd.DataFrame(drawn, SESSIONS)


def _shares(returns: pd.DataFrame) -> pd.DataFrame:
    """Volume that knows nothing of the moves: the same for the same sessions and symbols."""
    symbols = sorted(returns.columns)
    drawn = np.random.default_rng(5).lognormal(14.0, 0.3, (len(SESSIONS), len(symbols)))
    return pd.DataFrame(drawn, SESSIONS, symbols).reindex(index=returns.index)


def _drivers(returns: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    return driver_history(returns, _shares(returns), pd.DataFrame(), chosen=settings.verdict)


def _verdict(returns: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    drivers = _drivers(returns, settings)
    history = History(
        name="x", drivers=drivers, rules={}, base=returns["SPY"], first_scored=SESSIONS[100]
    )
    return verdict(history, settings)


class TestPrefixInvariance:
    @pytest.mark.parametrize("cut", [150, 365, 500])
    def test_drivers_score_and_states_bit_for_bit(
        self, cut: int, returns: pd.DataFrame, settings: Settings
    ) -> None:
        pd.testing.assert_frame_equal(
            _drivers(returns, settings).iloc[:cut],
            _drivers(returns.iloc[:cut], settings),
            check_exact=True,
        )
        pd.testing.assert_frame_equal(
            _verdict(returns, settings).iloc[:cut],
            _verdict(returns.iloc[:cut], settings),
            check_exact=True,
        )

    def test_with_factor_returns_of_the_desk(
        self, returns: pd.DataFrame, settings: Settings
    ) -> None:
        generator = np.random.default_rng(3)
        factors = pd.DataFrame(generator.standard_t(4, (len(SESSIONS), 4)))
        factors.columns = list(settings.verdict.factors)
        factors = factors.assign(session=SESSIONS)
        whole = driver_history(returns, _shares(returns), factors, chosen=settings.verdict)
        prefix = driver_history(
            returns.iloc[:400], _shares(returns).iloc[:400], factors.iloc[:400],
            chosen=settings.verdict,
        )  # fmt: skip
        pd.testing.assert_frame_equal(whole.iloc[:400], prefix, check_exact=True)


class TestInvariance:
    def test_units_and_order_of_assets_do_not_matter(
        self, returns: pd.DataFrame, settings: Settings
    ) -> None:
        plain = _drivers(returns, settings)
        pd.testing.assert_frame_equal(_drivers(4.0 * returns, settings), plain, rtol=1e-9)
        turned = _drivers(returns[returns.columns[::-1]], settings)
        pd.testing.assert_frame_equal(turned, plain, rtol=1e-12)

    def test_leverage_of_one_class_does_not_matter(
        self, returns: pd.DataFrame, settings: Settings
    ) -> None:
        geared = returns.assign(SLV=3.0 * returns["SLV"])
        pd.testing.assert_frame_equal(
            _drivers(geared, settings), _drivers(returns, settings), rtol=1e-9
        )


class TestOneStockShock:
    """Merck lost 27 % on 30 September 2004; an index of thirty shares fell by 0.6 %."""

    @pytest.mark.parametrize("symbol", ["MSTR", "COIN", "IBIT", "SLV", "IGV", "USO"])
    def test_stays_out_of_deleveraging(
        self, symbol: str, returns: pd.DataFrame, settings: Settings
    ) -> None:
        shocked = returns.copy()
        shocked.iloc[400] = 0.0
        shocked.loc[SESSIONS[400], symbol] = np.log(0.7)
        told = _verdict(shocked, settings).iloc[400:406]
        assert "DELEVERAGING" not in set(told["state"])
        assert told["score"].iloc[0] < settings.calibrated.deleveraging

    def test_of_one_member_is_a_share_of_its_class(
        self, returns: pd.DataFrame, settings: Settings
    ) -> None:
        shocked = returns.copy()
        shocked.loc[SESSIONS[400], "DIA"] = np.log(0.96)
        told = _verdict(shocked, settings)["state"]
        assert told.iloc[400] != "DELEVERAGING"


class TestBroadSelling:
    @pytest.mark.parametrize("falling", [6, 16])
    def test_of_many_classes_is_deleveraging(
        self, falling: int, returns: pd.DataFrame, settings: Settings
    ) -> None:
        sold = returns.copy()
        classes = list(settings.verdict.classes.values())[:falling]
        for symbol in (symbol for members in classes for symbol in members):
            sold.loc[SESSIONS[400], symbol] = -5 * returns[symbol].iloc[300:400].std()
        assert _verdict(sold, settings)["state"].iloc[400] == "DELEVERAGING"

    def test_a_rally_as_large_is_not(self, returns: pd.DataFrame, settings: Settings) -> None:
        bought = returns.copy()
        bought.iloc[400] = 5 * returns.iloc[300:400].std()
        assert _verdict(bought, settings)["score"].iloc[400] < settings.calibrated.watch

    def test_of_the_sleeves_alone_is_seen(self, returns: pd.DataFrame, settings: Settings) -> None:
        """August 2007: the index was calm, every factor lost."""
        crowded = returns.copy()
        for fund, index in settings.verdict.spreads:
            loss = 4 * (returns[fund] - returns[index]).iloc[300:400].std()
            crowded.loc[SESSIONS[400], fund] = crowded.loc[SESSIONS[400], index] - loss
        plain, sold = _drivers(returns, settings), _drivers(crowded, settings)
        assert sold["crowding"].iloc[400] > plain["crowding"].iloc[400] + 3
        assert sold["breadth"].iloc[400] == plain["breadth"].iloc[400]
        assert _verdict(crowded, settings)["state"].iloc[400] == "DEGROSSING"


class TestForcedSale:
    """The same fall, once on ordinary volume and once with a crowd at the exit."""

    @staticmethod
    def _fall(returns: pd.DataFrame, settings: Settings) -> pd.DataFrame:
        fallen = returns.copy()
        for name in ("software", "silver", "bitcoin", "crypto"):
            for symbol in settings.verdict.classes[name]:
                fallen.loc[SESSIONS[400], symbol] = -3 * returns[symbol].iloc[300:400].std()
        return fallen

    def test_is_seen_in_the_volume(self, returns: pd.DataFrame, settings: Settings) -> None:
        fallen = self._fall(returns, settings)
        shares = _shares(returns)
        heavy = shares.copy()
        heavy.iloc[400] *= 3.0
        ordinary, forced = (
            driver_history(fallen, volume, pd.DataFrame(), chosen=settings.verdict)
            for volume in (shares, heavy)
        )
        assert forced["volume_on_falls"].iloc[400] > ordinary["volume_on_falls"].iloc[400] + 15
        pd.testing.assert_frame_equal(
            forced[["breadth", "concentration"]], ordinary[["breadth", "concentration"]]
        )

    def test_heavy_trading_on_a_rise_is_none(
        self, returns: pd.DataFrame, settings: Settings
    ) -> None:
        risen = returns.copy()
        risen.iloc[400] = 3 * returns.iloc[300:400].std()
        heavy = _shares(returns)
        heavy.iloc[400] *= 3.0
        drivers = driver_history(risen, heavy, pd.DataFrame(), chosen=settings.verdict)
        assert drivers["volume_on_falls"].iloc[400] == 0.0

    def test_without_volume_is_judged_by_prices_and_never_higher(
        self, returns: pd.DataFrame, settings: Settings
    ) -> None:
        fallen = self._fall(returns, settings)
        heavy = _shares(returns)
        heavy.iloc[400] *= 3.0
        few = ["SPY", "QQQ", "IGV", "GLD", "SLV"]  # five classes: one fewer than needed
        whole, thin, none = (
            driver_history(fallen, volume, pd.DataFrame(), chosen=settings.verdict)
            for volume in (heavy, heavy[few], pd.DataFrame(index=heavy.index))
        )
        for drivers in (thin, none):
            assert drivers["volume_on_falls"].isna().all()
            scores = judge(drivers, settings).scores
            assert (scores.score <= judge(whole, settings).scores.score + 1e-12).iloc[100:].all()
            assert scores.highest.iloc[400] > scores.score.iloc[400]


class TestMissingInput:
    def test_without_funds_or_factors_crowding_is_missing_not_zero(
        self, returns: pd.DataFrame, settings: Settings
    ) -> None:
        funds = [fund for fund, _ in settings.verdict.spreads]
        drivers = _drivers(returns.drop(columns=funds), settings)
        assert drivers["crowding"].isna().all()
        assert drivers["breadth"].notna().sum() > 400

    def test_too_few_classes_are_not_judged(
        self, returns: pd.DataFrame, settings: Settings
    ) -> None:
        drivers = _drivers(returns[["SPY", "QQQ", "IGV", "SMH", "EFA"]], settings)
        assert drivers[["breadth", "concentration"]].isna().all(axis=None)

    def test_a_day_without_the_desks_factors_is_not_filled_from_funds(
        self, returns: pd.DataFrame, settings: Settings
    ) -> None:
        factors = pd.DataFrame(
            {name: np.ones(len(SESSIONS)) for name in settings.verdict.factors}
        ).assign(session=SESSIONS)
        gap = factors.drop(index=[400])
        sleeves = sleeve_returns(returns, gap, chosen=settings.verdict)
        assert list(sleeves.columns) == list(settings.verdict.factors)
        assert sleeves.iloc[400].isna().all()
        assert (sleeves.iloc[399] == 0.01).all()  # percent on file, decimal here
