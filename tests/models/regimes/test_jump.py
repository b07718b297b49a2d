"""The jump model against every path, against the package `jumpmodels`, and against itself."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from jumpmodels.jump import JumpModel

from models.errors import NotEnoughData
from models.regimes import JumpFit, fit_jump_model, online_costs
from tests import naive_regimes

DAYS = pd.bdate_range("2020-01-01", periods=600)


def features(rows: int = 600, *, seed: int = 4) -> tuple[pd.DataFrame, np.ndarray]:
    draw = np.random.default_rng(seed)
    state = (np.arange(rows) // 60) % 2
    values = draw.normal(size=(rows, 2)) + state[:, None] * np.array([1.5, -1.0])
    return pd.DataFrame(values, index=DAYS[:rows], columns=["up", "down"]), state


def estimate(frame: pd.DataFrame, **changed: object) -> JumpFit:
    terms: dict[str, object] = {
        "states": 2, "penalty": 8.0, "cap": 6.0, "order_by": "up", "starts": 8, "seed": 0,
        "min_observations": 4,
    }  # fmt: skip
    return fit_jump_model(frame, **(terms | changed))  # type: ignore[arg-type]


class TestFourSessions:
    FRAME = pd.DataFrame({"x": [0.0, 0.0, 4.0, 4.0]})  # median 2, MAD 2: ∓2/2.9652

    def test_by_hand(self) -> None:
        place = 2 / 2.9652
        fit = estimate(self.FRAME, penalty=0.3, order_by="x")
        assert fit.centres["x"].tolist() == pytest.approx([-place, place])
        assert fit.states_smoothed.tolist() == [0, 0, 1, 1]
        assert fit.loss == pytest.approx(0.3)  # one jump, and every row on its centre

    def test_a_dear_jump_is_not_bought(self) -> None:
        # One centre for all costs 4·½·place² = 0.91: less than the jump.
        fit = estimate(self.FRAME, penalty=20.0, order_by="x")
        assert set(fit.states_smoothed) in ({0}, {1})
        assert not fit.converged
        assert fit.reason == "only 1 of 2 states contain a row"

    def test_online_waits_until_the_jump_is_paid(self) -> None:
        # A row costs ½·(2·place)² = 0.91 on the wrong centre: with λ = 1.5 two rows are needed.
        fit = estimate(self.FRAME, penalty=0.3, order_by="x")
        dear = replace(fit, penalty=1.5)
        assert online_costs(self.FRAME, dear).idxmin(axis=1).tolist() == [0, 0, 0, 1]


class TestEveryPath:
    @pytest.mark.parametrize("seed", range(6))
    def test_best_of_all_paths(self, seed: int) -> None:
        draw = np.random.default_rng(seed)
        frame = pd.DataFrame(draw.normal(size=(9, 2)), columns=["up", "down"])
        frame.iloc[5:] += 3.0
        fit = estimate(frame, penalty=0.5, starts=40)
        values = fit.standardised(frame).to_numpy()
        loss, path, _ = naive_regimes.best_jump_path(values, 2, 0.5)
        assert fit.loss == pytest.approx(loss, abs=1e-12)
        found = fit.states_smoothed.to_numpy()
        assert (found == np.array(path)).all() or (found == 1 - np.array(path)).all()

    def test_online_is_the_end_of_the_cheapest_path(self) -> None:
        frame, _ = features(10)
        frame.iloc[4, 1] = np.nan
        fit = estimate(frame, penalty=1.0)
        values, centres = fit.standardised(frame).to_numpy(), fit.centres.to_numpy()
        expected = [naive_regimes.online_state(values[: t + 1], centres, 1.0) for t in range(10)]
        assert online_costs(frame, fit).idxmin(axis=1).tolist() == expected


class TestJumpmodels:
    @pytest.mark.parametrize("penalty", [0.0, 5.0, 25.0])
    def test_same_loss_centres_and_states(self, penalty: float) -> None:
        frame, _ = features()
        fit = estimate(frame, penalty=penalty, starts=40)
        scaled = fit.standardised(frame)
        peer = JumpModel(n_components=2, jump_penalty=penalty, random_state=0, n_init=10)
        peer.fit(scaled, sort_by="freq")
        order = np.argsort(peer.centers_[:, 0])
        assert fit.loss == pytest.approx(peer.val_, rel=1e-10)
        assert fit.centres.to_numpy() == pytest.approx(peer.centers_[order], abs=1e-10)
        names = np.argsort(order)
        assert (fit.states_smoothed.to_numpy() == names[peer.labels_.to_numpy()]).all()
        online = names[peer.predict_online(scaled).to_numpy()]
        assert (online_costs(frame, fit).idxmin(axis=1).to_numpy() == online).all()


class TestInvariance:
    def test_units_do_not_matter(self) -> None:
        frame, _ = features()
        plain, scaled = estimate(frame), estimate(frame * [1e-9, 1e6] + [3.0, -1.0])
        assert scaled.centres.to_numpy() == pytest.approx(plain.centres.to_numpy(), abs=1e-6)
        assert scaled.states_smoothed.equals(plain.states_smoothed)

    def test_a_seed_does_not_matter_where_all_agree(self) -> None:
        frame, state = features()
        fits = [estimate(frame, seed=seed) for seed in range(5)]
        assert len({round(fit.loss, 8) for fit in fits}) == 1
        assert (fits[0].states_smoothed.to_numpy() == state).mean() > 0.95

    def test_states_rise_in_the_named_feature(self) -> None:
        frame, _ = features()
        up, down = estimate(frame), estimate(frame, order_by="down")
        assert up.centres["up"].is_monotonic_increasing
        assert down.centres["down"].is_monotonic_increasing
        assert (up.states_smoothed == 1 - down.states_smoothed).all()

    def test_later_rows_do_not_move_an_online_state(self) -> None:
        frame, _ = features()
        fit = estimate(frame.iloc[:300])
        whole = online_costs(frame, fit).iloc[:400]
        assert online_costs(frame.iloc[:400], fit).equals(whole)


class TestHoliday:
    def test_a_missing_row_keeps_the_state(self) -> None:
        frame, _ = features()
        frame.iloc[100:140, 0] = np.nan
        fit = estimate(frame)
        assert fit.n == 560
        states = online_costs(frame, fit).idxmin(axis=1)
        assert len(set(states.iloc[99:140])) == 1


class TestCrash:
    def test_an_outlier_is_capped(self) -> None:
        frame, state = features()
        frame.iloc[300, 0] = 1e6
        fit = estimate(frame)
        assert fit.standardised(frame).to_numpy().max() == 6.0
        assert (fit.states_smoothed.to_numpy() == state).mean() > 0.95


class TestShortHistory:
    def test_five_rows_are_refused(self) -> None:
        with pytest.raises(NotEnoughData, match="at least 100 complete rows, got 5"):
            estimate(features(5)[0], min_observations=100)

    def test_a_constant_feature_is_refused(self) -> None:
        frame, _ = features()
        with pytest.raises(NotEnoughData, match="the MAD of up is zero"):
            estimate(frame.assign(up=1.0))

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"states": 1}, "states must be at least 2"),
            ({"penalty": -1.0}, "penalty must be 0 or more"),
            ({"cap": 0.0}, "cap above 0"),
        ],
    )
    def test_parameters_out_of_range(self, changed: dict[str, object], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            estimate(features()[0], **changed)

    def test_an_infinite_feature_is_refused(self) -> None:
        frame, _ = features()
        frame.iloc[3, 0] = np.inf
        with pytest.raises(ValueError, match="finite or missing"):
            estimate(frame)
