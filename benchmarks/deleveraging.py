"""Open benchmark of deleveraging detection: any rule, scored as the verdict is.

    python -m benchmarks.deleveraging --path DIR [--path DIR …] --episodes DIR[:DIR…]
        [--rule module:function …] [--budget 0.65]

A rule is a function of one `unwind.studies.history.History` (returns, volume, factor returns,
drivers, benchmark rules) that returns one value per session; it alarms when the value is high. The
value at *t* may use rows up to *t* alone. Its threshold is the lowest within the budget of false
alarms per year: in sample, and for each calendar year from the other years.
"""

import argparse
import importlib
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from unwind.settings import load_settings
from unwind.sources.files import FilesSource
from unwind.studies.episodes import read_label_folders
from unwind.studies.history import History, folder_names, read_history, without_overlap
from unwind.studies.sample import judge_left_out, pool, year_folds
from unwind.studies.track_record import record_json, score_rule
from unwind.studies.track_record_tables import rate_row
from unwind.studies.track_record_text import HEADINGS

Rule = Callable[[History], pd.Series]

REFIT, FIRST_FIT, TRAILING = 63, 126, 252
# Most sessions of the last segment for which a change counts.
YOUNG, RECENT = 5, 20


def features(history: History) -> pd.DataFrame:
    """Drivers, common selling and its volatility, standardised on earlier sessions."""
    drivers = history.drivers.fillna(0.0)
    selling = history.rules["common-factor selling"].fillna(0.0)
    volatility = selling.pow(2).ewm(halflife=5).mean() ** 0.5
    table = drivers.assign(selling=selling, volatility=volatility)
    earlier = table.shift(1).expanding(60)
    return ((table - earlier.mean()) / earlier.std()).clip(-8, 8).fillna(0.0)


def hidden_markov(history: History) -> pd.Series:
    """hmmlearn: filtered log-odds of the state with the larger mean of breadth."""
    from hmmlearn.hmm import GaussianHMM

    table = features(history)
    values, odds = table.to_numpy(), np.full(len(table), np.nan)
    for start in range(FIRST_FIT, len(values), REFIT):
        model = GaussianHMM(2, covariance_type="diag", n_iter=50, random_state=0)
        model.fit(values[:start])
        stressed = int(np.argmax(model.means_[:, 0]))
        variance = np.array([np.diag(covariance) for covariance in model.covars_])
        first = max(0, start - TRAILING)
        distance = (values[first : start + REFIT, None, :] - model.means_) ** 2 / variance
        density = -0.5 * (distance + np.log(variance)).sum(axis=2)
        # Forward recursion in logarithms: probabilities would saturate at 0 and 1 and all tie.
        moves, belief = np.log(model.transmat_ + 1e-300), np.log(model.startprob_ + 1e-300)
        path = np.empty(len(density))
        for row, likelihood in enumerate(density):
            belief = likelihood + np.logaddexp.reduce(belief[:, None] + moves, axis=0)
            belief -= np.logaddexp.reduce(belief)
            path[row] = belief[stressed] - belief[1 - stressed]
        # In units of the fitting sample: the scale of log-odds differs from fit to fit.
        fitted = start - first
        odds[start : start + REFIT] = path[fitted:] / path[:fitted].std()
    return pd.Series(odds, table.index)


def jump_model(history: History) -> pd.Series:
    """jumpmodels: distance by which the stressed state is nearer, higher while it is in it."""
    from jumpmodels.jump import JumpModel

    table = features(history)
    answer = pd.Series(np.nan, table.index)
    for start in range(FIRST_FIT, len(table), REFIT):
        model = JumpModel(n_components=2, jump_penalty=20.0, cont=False, random_state=0)
        model.fit(table.iloc[:start])
        centres = np.asarray(model.centers_)
        stressed = int(np.argmax(centres[:, 0]))
        recent = table.iloc[max(0, start - TRAILING) : start + REFIT]
        state = np.asarray(model.predict_online(recent))
        calm = np.linalg.norm(recent.to_numpy() - centres[1 - stressed], axis=1)
        near = calm - np.linalg.norm(recent.to_numpy() - centres[stressed], axis=1)
        values = pd.Series(near + 100.0 * (state == stressed), recent.index)
        answer.iloc[start : start + REFIT] = values.iloc[-len(answer.iloc[start : start + REFIT]) :]
    return answer


def young_change(history: History) -> pd.Series:
    """ruptures: fall in cost of the best split within the last rows of the trailing year."""
    from ruptures.costs import CostL2

    table = features(history)
    values, gain = table[["breadth", "selling"]].to_numpy(), np.full(len(table), np.nan)
    for day in range(TRAILING, len(values)):
        cost = CostL2().fit(values[day - TRAILING + 1 : day + 1])
        cost.min_size = 1
        splits = range(TRAILING - YOUNG, TRAILING)
        best = min(cost.error(0, split) + cost.error(split, TRAILING) for split in splits)
        gain[day] = cost.error(0, TRAILING) - best
    return pd.Series(gain, table.index)


def moving_window(history: History) -> pd.Series:
    """skchange: score of the moving window whose later half ends at the session."""
    from skchange.detectors import MovingWindow

    values = features(history)[["breadth", "selling"]]
    changes = MovingWindow(bandwidth=YOUNG).fit(values.to_numpy()).predict_all(values.to_numpy())
    whole = changes["ends"] - changes["splits"] == YOUNG
    scores = pd.Series(changes["scores"][whole], values.index[changes["ends"][whole] - 1])
    return scores.reindex(values.index)


def grid_cusum(history: History) -> pd.Series:
    """gridcp: CUSUM over its grid of splits, restarted so that a change is a recent one."""
    from gridcp import GridDetector
    from gridcp.scores import CUSUM

    values = features(history)[["breadth", "selling"]].to_numpy()
    detector, answer = GridDetector(score=CUSUM(n_features=2)), np.full(len(values), np.nan)
    for day in range(TRAILING, len(values)):
        state = detector.init_state()
        for row in values[day - RECENT : day + 1]:
            state, output = detector.update(state, row)
        answer[day] = float(output["max_score"][0])
    return pd.Series(answer, history.drivers.index)


def focus(history: History) -> pd.Series:
    """changepoint-online: Focus for a rise of common selling from a mean of zero."""
    from changepoint_online import Focus, Gaussian

    values = features(history)["selling"].to_numpy()
    answer = np.full(len(values), np.nan)
    for day in range(TRAILING, len(values)):
        detector = Focus(Gaussian(loc=0), side="right")
        for value in values[day - RECENT : day + 1]:
            detector.update(value)
        answer[day] = detector.statistic()
    return pd.Series(answer, history.drivers.index)


RULES: dict[str, Rule] = {
    "hmmlearn, 2 states": hidden_markov,
    "jumpmodels, 2 states": jump_model,
    "ruptures, recent change": young_change,
    "skchange, moving window": moving_window,
    "gridcp 0.1, CUSUM": grid_cusum,
    "changepoint-online, Focus": focus,
}


def named_rule(text: str) -> Rule:
    """Import a rule written as module:function."""
    module, _, name = text.partition(":")
    try:
        rule: Rule = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SystemExit(f"no rule {text}: {error}; write module:function") from error
    return rule


def score(rule: Rule, histories: tuple[History, ...], sample, settings, budget: float):
    """Record of a rule: its values over the scored sessions, thresholds within the budget."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = [rule(history).loc[history.first_scored :] for history in histories]
    values = pd.concat(parts)
    if not values.index.equals(sample.sessions):
        raise SystemExit("a rule must return one value per session of its history's drivers")
    names = [history.name for history in histories]
    return score_rule(sample, values, settings, budget=budget, names=names)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--path", action="append", required=True)
    parser.add_argument("--episodes", required=True)
    parser.add_argument("--rule", action="append", default=[])
    parser.add_argument("--budget", type=float, default=0.65)
    options = parser.parse_args()
    settings, labels = load_settings(), read_label_folders(options.episodes)
    now = pd.Timestamp.now(tz="UTC")
    histories = without_overlap(
        tuple(
            read_history(FilesSource(Path(path)), name=name, received_at=now, settings=settings)
            for path, name in zip(options.path, folder_names(options.path), strict=True)
        )
    )
    sample = pool(histories, labels, settings)
    names = [history.name for history in histories]
    print(HEADINGS)
    verdict = judge_left_out(sample, year_folds(sample), settings)
    print(rate_row("**unwind**", "the other years", record_json(sample, verdict, settings, names)))
    rules = {text: named_rule(text) for text in options.rule} or RULES
    seconds = []
    for name, rule in rules.items():
        began = time.perf_counter()
        try:
            record = score(rule, histories, sample, settings, options.budget)
        except ImportError as error:
            print(f"| {name} | not installed: {error.name} |" + " |" * 9)
            continue
        print(rate_row(name, "the same years, in sample", record["in_sample"]))
        print(rate_row(name, "the other years", record["leave_one_year_out"]), flush=True)
        seconds.append(f"{name} {time.perf_counter() - began:.0f}")
    print(f"\nSeconds: {', '.join(seconds)}.")


if __name__ == "__main__":
    main()
