"""Detection lag and false entries of regime models on simulated markets whose regime is known.

``python -m benchmarks.regimes --markets 3`` prints the table that `docs/methods.md` quotes. Every
rule runs online: the state of a session rests on parameters estimated before it, re-estimated every
21 sessions, and on rows up to it. The peers estimate on all earlier rows, as their documentation
shows it, every 126 sessions (a fit of theirs takes seconds). A spell of stress is detected at its
first session that a rule calls stressed; the lag of a spell that no session of it shows is
infinite. An entry is false when calm has lasted for more than ten sessions.
"""

import argparse
import logging
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pandas as pd
from hmmlearn.hmm import GaussianHMM
from jumpmodels.jump import JumpModel
from numpy.typing import NDArray

from features.returns import volatility_features
from models.regimes import (
    JumpFit,
    MarkovFit,
    filtered_probabilities,
    fit_jump_model,
    fit_markov_switching,
    online_costs,
)

SESSIONS, FIRST, EVERY, WINDOW = 2520, 504, 21, 1000
PEERS_EVERY = 126
STARTS, SEED = 6, 20260205
HALF_LIVES = (3.0,)
CAP = 4.0
AFTERMATH = 10  # sessions of calm in which an entry is late rather than false
SHORTEST = 10  # sessions of a spell that a rule is asked to find
YEAR = 252

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rule = Callable[[pd.Series], Flags]
Fit = TypeVar("Fit", MarkovFit, JumpFit)

MARKETS = {"clear": (0.0005, 0.010, -0.0020, 0.025), "faint": (0.0005, 0.010, -0.0010, 0.016)}
"""Mean and volatility of a calm session, then of a stressed one."""


def simulate(law: str, market: int) -> tuple[pd.Series, Flags]:
    """Ten years of two regimes (250 and 40 sessions on average) with t₅ shocks, and the truth."""
    draw = np.random.default_rng([11, market])
    stressed = np.zeros(SESSIONS, dtype=bool)
    for t in range(1, SESSIONS):
        leaves = draw.random() < (1 / 40 if stressed[t - 1] else 1 / 250)
        stressed[t] = stressed[t - 1] ^ leaves
    calm_mean, calm_volatility, mean, volatility = MARKETS[law]
    shocks = draw.standard_t(5, SESSIONS) * np.sqrt(3 / 5)
    returns = np.where(stressed, mean + volatility * shocks, calm_mean + calm_volatility * shocks)
    return pd.Series(returns, index=pd.bdate_range("2010-01-04", periods=SESSIONS)), stressed


def _features(returns: pd.Series) -> pd.DataFrame:
    return volatility_features(returns, half_lives=HALF_LIVES)


def walk(
    rows: pd.DataFrame,
    estimate: Callable[[pd.DataFrame], Fit],
    online: Callable[[pd.DataFrame, Fit], pd.DataFrame],
) -> pd.DataFrame:
    """Re-estimate every `EVERY` rows; a fit that did not converge leaves the one before in use."""
    parts, current = [], None
    for end in range(FIRST, len(rows), EVERY):
        first = max(0, end - WINDOW)
        fit = estimate(rows.iloc[first:end])
        current = fit if current is None or fit.converged else current
        parts.append(online(rows.iloc[first : end + EVERY], current).iloc[end - first :])
    return pd.concat(parts)


def markov(innovation: str) -> Rule:
    """Filtered probability of stress above one half."""

    def estimate(rows: pd.DataFrame) -> MarkovFit:
        return fit_markov_switching(
            rows, states=2, innovation=innovation, correlated=False, starts=STARTS, seed=SEED,
            min_observations=FIRST // 2,
        )  # fmt: skip

    def rule(returns: pd.Series) -> Flags:
        path = walk(returns.to_frame("return"), estimate, filtered_probabilities)
        return np.asarray(path[1] > 0.5)

    return rule


def jump(penalty: float) -> Rule:
    """End of the cheapest path."""

    def estimate(rows: pd.DataFrame) -> JumpFit:
        return fit_jump_model(
            rows, states=2, penalty=penalty, cap=CAP, order_by="volatility_3", starts=STARTS,
            seed=SEED, min_observations=FIRST // 2,
        )  # fmt: skip

    def rule(returns: pd.Series) -> Flags:
        return np.asarray(walk(_features(returns), estimate, online_costs)[1] == 0)

    return rule


def hmmlearn(returns: pd.Series) -> Flags:
    """GaussianHMM on all earlier returns; the last row of its posterior is the filtered one."""
    values, answer = 100 * returns.to_numpy()[:, None], []
    for end in range(FIRST, SESSIONS, PEERS_EVERY):
        model = GaussianHMM(2, n_iter=200, random_state=0).fit(values[:end])
        stressed = int(model.covars_.ravel().argmax())
        # Half a year before the session holds all that the filter remembers.
        answer += [
            model.predict_proba(values[t - 126 : t + 1])[-1, stressed] > 0.5
            for t in range(end, min(end + PEERS_EVERY, SESSIONS))
        ]
    return np.array(answer)


def jumpmodels(penalty: float) -> Rule:
    """JumpModel on all earlier rows of the same features, standardised and capped as its own do."""

    def rule(returns: pd.Series) -> Flags:
        features, answer = _features(returns).dropna(), []
        gone = len(returns) - len(features)
        for end in range(FIRST - gone, len(features), PEERS_EVERY):
            past = features.iloc[:end]
            mean, deviation = past.mean(), past.std(ddof=0)
            scaled = ((features.iloc[: end + PEERS_EVERY] - mean) / deviation).clip(-3, 3)
            model = JumpModel(n_components=2, jump_penalty=penalty, random_state=0)
            model.fit(scaled.iloc[:end], sort_by="freq")
            stressed = int(np.asarray(model.centers_)[:, 0].argmax())
            answer.append(model.predict_online(scaled).to_numpy()[end:] == stressed)
        return np.concatenate(answer)

    return rule


RULES: dict[str, Rule] = {
    "unwind markov, t": markov("t"),
    "unwind markov, normal": markov("normal"),
    "hmmlearn": hmmlearn,
    **{f"unwind jump, λ {value:g}": jump(value) for value in (5, 10, 20)},
    **{f"jumpmodels, λ {value:g}": jumpmodels(value) for value in (10,)},
}


def scored(called: Flags, truth: Flags) -> tuple[list[float], int, int]:
    """Lags of the spells that begin within the sample, false entries, and calm sessions."""
    starts = np.flatnonzero(truth[1:] & ~truth[:-1]) + 1
    lags = []
    for start in starts:
        length = int(np.argmin(np.append(truth[start:], False)))
        if length >= SHORTEST:
            alarms = np.flatnonzero(called[start : start + length])
            lags.append(float(alarms[0]) if len(alarms) else float("inf"))
    entries = np.flatnonzero(called[1:] & ~called[:-1]) + 1
    settled = np.array([not truth[max(0, t - AFTERMATH) : t + 1].any() for t in range(len(truth))])
    return lags, int(settled[entries].sum()), int(settled.sum())


def compare(*, markets: int, rules: dict[str, Rule]) -> list[dict[str, object]]:
    """Run every rule over the same markets; print and return one row per rule and distribution."""
    logging.getLogger("hmmlearn").setLevel(logging.ERROR)
    rows: list[dict[str, object]] = []
    for law in MARKETS:
        samples = [simulate(law, number) for number in range(markets)]
        for name, rule in rules.items():
            lags: list[float] = []
            false, calm, right = 0, 0, []
            start = time.perf_counter()
            for returns, truth in samples:
                called = rule(returns)
                spell_lags, wrong, settled = scored(called, truth[FIRST:])
                lags, false, calm = lags + spell_lags, false + wrong, calm + settled
                right.append(float((called == truth[FIRST:]).mean()))
            seconds = (time.perf_counter() - start) / markets
            row = {
                "law": law, "rule": name, "spells": len(lags), "lag": float(np.median(lags)),
                "missed": float(np.isinf(lags).mean()), "false_a_year": YEAR * false / calm,
                "right": float(np.mean(right)), "seconds": seconds,
            }  # fmt: skip
            rows.append(row)
            print(
                f"{law:<6}{name:<24}spells {row['spells']:>4}  median lag {row['lag']:>5.1f}  "
                f"missed {row['missed']:>4.0%}  "
                f"false alarms per year {row['false_a_year']:>5.2f}  "
                f"sessions right {row['right']:.1%}  {seconds:6.1f} s per market",
                flush=True,
            )
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Lag and false entries of regime models.")
    parser.add_argument("--markets", type=int, default=3)
    parser.add_argument("--without-peers", action="store_true")
    options = parser.parse_args()
    rules = {name: rule for name, rule in RULES.items()
             if not options.without_peers or name.startswith("unwind")}  # fmt: skip
    compare(markets=options.markets, rules=rules)


if __name__ == "__main__":
    main()
