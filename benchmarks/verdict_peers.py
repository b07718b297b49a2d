"""The verdict against what a user would pick instead, run online under the same budget.

    python -m benchmarks.verdict_peers --path DIR [--path DIR …] --episodes DIR

hmmlearn and jumpmodels are refitted every quarter on all rows so far and filtered in between;
ruptures and skchange search the trailing year for a change whose last segment is young. All see
the same features: the verdict's drivers, the mean move of the asset classes and its volatility.
Thresholds are the lowest that keep one false entry a year, chosen in sample: that flatters them.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import ruptures
from hmmlearn.hmm import GaussianHMM
from jumpmodels.jump import JumpModel
from skchange.detectors import MovingWindow

from models.verdict import evaluate_rule, lowest_threshold, pooled
from unwind.settings import load_settings
from unwind.sources.files import FilesSource
from unwind.studies.episodes import read_labels
from unwind.studies.history import read_history

REFIT = 63
FIRST_FIT = 126
TRAILING = 252
YOUNG = 5
BUDGET = 1.0


def features(history) -> pd.DataFrame:
    drivers = history.drivers.fillna(0.0)
    selling = history.rules["common-factor selling"].fillna(0.0)
    calmer = selling.pow(2).ewm(halflife=5).mean() ** 0.5
    table = drivers.assign(selling=selling, volatility=calmer)
    earlier = table.shift(1).expanding(60)
    return ((table - earlier.mean()) / earlier.std()).clip(-8, 8).fillna(0.0)


def hidden_markov(table: pd.DataFrame) -> pd.Series:
    """Filtered log-odds of the state with the larger mean of breadth."""
    values, odds = table.to_numpy(), np.full(len(table), np.nan)
    for start in range(FIRST_FIT, len(values), REFIT):
        model = GaussianHMM(2, covariance_type="diag", n_iter=50, random_state=0)
        model.fit(values[:start])
        stressed = int(np.argmax(model.means_[:, 0]))
        for day in range(start, min(start + REFIT, len(values))):
            # The smoothed probability of the last row is its filtered one.
            seen = values[max(0, day - TRAILING) : day + 1]
            # Log-odds: probabilities of 1 cannot be told apart.
            calm = model.predict_proba(seen)[-1, 1 - stressed]
            odds[day] = np.log1p(-calm) - np.log(max(calm, 1e-300))
    return pd.Series(odds, index=table.index)


def jump_model(table: pd.DataFrame) -> pd.Series:
    """Distance by which the stressed state is nearer, among sessions that are in it online."""
    answer = pd.Series(np.nan, index=table.index)
    for start in range(FIRST_FIT, len(table), REFIT):
        model = JumpModel(n_components=2, jump_penalty=20.0, cont=False, random_state=0)
        model.fit(table.iloc[:start])
        centres = np.asarray(model.centers_)
        stressed = int(np.argmax(centres[:, 0]))
        piece = table.iloc[max(0, start - TRAILING) : start + REFIT]
        state = np.asarray(model.predict_online(piece))
        calm = np.linalg.norm(piece.to_numpy() - centres[1 - stressed], axis=1)
        away = np.linalg.norm(piece.to_numpy() - centres[stressed], axis=1)
        near = pd.Series(np.where(state == stressed, calm - away + 100.0, calm - away), piece.index)
        answer.loc[table.index[start : start + REFIT]] = near
    return answer


def young_change(table: pd.DataFrame) -> pd.Series:
    """Fall in cost of the best split within the last rows of the trailing year, by ruptures."""
    values, gain = table[["breadth", "selling"]].to_numpy(), np.full(len(table), np.nan)
    for day in range(TRAILING, len(values)):
        cost = ruptures.costs.CostL2().fit(values[day - TRAILING + 1 : day + 1])
        cost.min_size = 1
        whole = cost.error(0, TRAILING)
        gain[day] = max(
            whole - cost.error(0, TRAILING - k) - cost.error(TRAILING - k, TRAILING)
            for k in range(1, YOUNG + 1)
        )
    return pd.Series(gain, index=table.index)


def moving_window(table: pd.DataFrame) -> pd.Series:
    """Score of skchange's moving window for the split that the day's row makes judgeable."""
    values = table[["breadth", "selling"]]
    told = MovingWindow(bandwidth=YOUNG).fit(values.to_numpy()).predict_all(values.to_numpy())
    whole = told["ends"] - told["splits"] == YOUNG
    known = pd.Series(told["scores"][whole], index=values.index[told["ends"][whole] - 1])
    return known.reindex(values.index)


PEERS = {
    "hmmlearn, 2 states": hidden_markov,
    "jumpmodels, 2 states": jump_model,
    "ruptures, young change": young_change,
    "skchange, moving window": moving_window,
}


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--path", action="append", required=True)
    asked.add_argument("--episodes", required=True)
    given = asked.parse_args()
    settings, labels = load_settings(), read_labels(Path(given.episodes))
    now = pd.Timestamp.now(tz="UTC")
    histories = [
        read_history(FilesSource(Path(path)), name=path, received_at=now, settings=settings)
        for path in given.path
    ]
    print("| peer | caught within 2 | caught | median delay | false a year | calm | seconds |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, peer in PEERS.items():
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = [peer(features(held)).loc[held.first_scored :] for held in histories]
        quiet = settings.calibration.quiet
        threshold = lowest_threshold(
            tuple(values), episodes=labels.episodes, budget=BUDGET, quiet=quiet
        )
        record = pooled(
            tuple(
                evaluate_rule(
                    value >= threshold, episodes=labels.episodes, calm=labels.calm,
                    others=labels.others, quiet=quiet,
                )
                for value in values
            )
        )  # fmt: skip
        print(
            f"| {name} | {record.detected_within(2)} of {len(record.detections)} | "
            f"{record.detected} | {record.median_delay:g} | {record.false_alarm_rate:.2f} | "
            f"{len(record.calm_alarms)} | "
            f"{time.perf_counter() - began:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
