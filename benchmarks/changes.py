"""`python -m benchmarks.changes`: change points against the Turing series, false alarms, speed.

Prints the tables that docs/methods.md quotes: scores of the offline search beside the published
defaults (where the series lie beside the checkout), its false alarms on series without a change,
alarms a year of the online detectors on calm rows, their delay, and their seconds for 2,500 rows.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from benchmarks.change_scores import covering, f_measure
from features.constants import SESSIONS_PER_YEAR
from models.changes import (
    Alarm,
    bayes_detector,
    calibrated_alarms,
    changepoints,
    e_alarms,
    glr_cusum,
)
from models.changes.e_detector import e_detector

Floats = NDArray[np.float64]
TURING = Path(__file__).resolve().parents[2] / "shared" / "references" / "changepoint"
CAP = 3.0
REFERENCE, MONITORED = 504, 504
GRID = [(min_size, rate) for min_size in (2, 3, 5, 8) for rate in (0.02, 0.05, 0.1)]


def turing(folder: Path) -> None:
    """Print scores by series, the published defaults beside them, and leave-one-out choices."""
    published = json.loads((folder / "published_default_scores.json").read_text("utf-8"))
    marks = json.loads((folder / "annotations.json").read_text("utf-8"))
    names = sorted(published["f1"])
    scored: dict[tuple[int, float], list[tuple[float, float]]] = {}
    for min_size, rate in GRID:
        rows = scored.setdefault((min_size, rate), [])
        for name in names:
            series = json.loads((folder / f"{name}.json").read_text("utf-8"))["series"]
            values = np.array([[np.nan if v is None else v for v in s["raw"]] for s in series]).T
            found = changepoints(values, min_size=min_size, false_alarm_rate=rate)
            rows.append(
                (
                    f_measure(marks[name], found, margin=5),
                    covering(marks[name], found, n_rows=len(values)),
                )
            )
    ours = scored[(3, 0.05)]
    rivals = ("pelt", "binseg", "bocpd", "amoc", "zero")
    print(f"{'F1 / covering':<12}{'ours':>13}" + "".join(f"{rival:>13}" for rival in rivals))
    table = {
        name: [ours[i], *((published["f1"][name][r], published["cover"][name][r]) for r in rivals)]
        for i, name in enumerate(names)
    }
    table["average"] = [tuple(np.mean(c, axis=0)) for c in zip(*table.values(), strict=True)]
    for name, cells in table.items():
        print(f"{name:<12}" + "".join(f"{f1:>7.3f}/{cover:.3f}" for f1, cover in cells))
    for (min_size, rate), rows in scored.items():
        print(
            f"min_size {min_size}, rate {rate}: " + "/".join(f"{v:.3f}" for v in np.mean(rows, 0))
        )
    left_out = []
    for i in range(len(names)):
        others = {key: np.mean(np.delete(rows, i, axis=0)) for key, rows in scored.items()}
        left_out.append(scored[max(others, key=lambda key: others[key])][i])
    print("chosen on the other series: " + "/".join(f"{v:.3f}" for v in np.mean(left_out, axis=0)))


def simulate(law: str, n: int, generator: np.random.Generator) -> Floats:
    """Draw n calm rows of unit variance."""
    if law == "normal":
        return generator.standard_normal(n)
    if law == "t4":
        return generator.standard_t(4, n) / np.sqrt(2)
    if law.startswith("ar "):
        memory = float(law.removeprefix("ar "))
        noise = np.sqrt(1 - memory**2) * generator.standard_normal(n + 200)
        return np.asarray(lfilter([1.0], [1.0, -memory], noise)[200:])
    rows, variance = generator.standard_t(6, n + 250) / np.sqrt(1.5), 1.0
    for i in range(n + 250):
        rows[i] *= np.sqrt(variance)
        variance = 0.02 + 0.05 * rows[i] ** 2 + 0.93 * variance
    return rows[250:]


def offline_false_alarms(replications: int) -> None:
    """Print the share of series without a change in which the offline search finds one."""
    for law in ("normal", "t4", "garch", "ar 0.5", "ar 0.9"):
        shares = []
        for n in (60, 150, 400):
            generator = np.random.default_rng(n)
            found = [changepoints(simulate(law, n, generator)) != () for _ in range(replications)]
            shares.append(f"{100 * np.mean(found):.1f} %")
        print(f"offline, {law:<8} n = 60, 150, 400: " + ", ".join(shares), flush=True)


def detectors() -> dict[str, Callable[[Floats], tuple[Alarm, ...]]]:
    """Return the three watches at one stated alarm a year."""
    chosen = {"start": REFERENCE, "alarms_per_year": 1.0}
    resampled = chosen | {"draws": 39, "seed": 1}
    return {
        "glr-cusum": partial(
            calibrated_alarms, detector=partial(glr_cusum, pre_change_mean=None), **resampled
        ),
        "bocpd": partial(
            calibrated_alarms, detector=bayes_detector(expected_run=252.0), **resampled
        ),
        "e-detector": partial(e_alarms, floor=-CAP, ceiling=CAP, min_reference=126, **chosen),
    }


def online_false_alarms(replications: int) -> None:
    """Print alarms a year on calm rows, and the run length of the e-detector at a known mean."""
    years = replications * MONITORED / SESSIONS_PER_YEAR
    for law in ("normal", "t4", "garch", "ar 0.2", "ar 0.5"):
        generator = np.random.default_rng(7)
        counts = dict.fromkeys(detectors(), 0)
        lengths = []
        for _ in range(replications):
            rows = np.clip(simulate(law, REFERENCE + MONITORED, generator), -CAP, CAP)
            for name, watch in detectors().items():
                counts[name] += len(watch(rows))
            long = np.clip(simulate(law, 3000, generator), -CAP, CAP)
            statistic, _ = e_detector(
                long, lowest_mean=0.0, highest_mean=0.0, floor=-CAP, ceiling=CAP
            )
            over = np.flatnonzero(statistic >= SESSIONS_PER_YEAR)
            lengths.append(over[0] + 1 if len(over) else 3000)
        told = ", ".join(f"{name} {count / years:.2f}" for name, count in counts.items())
        print(
            f"online, {law:<7} alarms a year at a stated 1: {told}; e-detector, mean known: "
            f"{np.mean(lengths):.0f} rows (proven ≥ {SESSIONS_PER_YEAR})",
            flush=True,
        )


def delays(replications: int) -> None:
    """Print the median delay after a shift in t₄ rows; none within 126 rows counts as 126."""
    for size in (0.5, 1.0, 2.0):
        generator = np.random.default_rng(9)
        waits: dict[str, list[int]] = {name: [] for name in detectors()}
        for _ in range(replications):
            rows = simulate("t4", REFERENCE + 252, generator)
            rows[REFERENCE + 126 :] += size
            for name, watch in detectors().items():
                seen = [a.first_seen - REFERENCE - 126 for a in watch(np.clip(rows, -CAP, CAP))]
                waits[name].append(min((s for s in seen if s >= 0), default=126))
        told = ", ".join(f"{name} {np.median(wait):.0f}" for name, wait in waits.items())
        print(f"delay after a shift of {size}σ, rows: {told}", flush=True)


def speed() -> None:
    """Print milliseconds for all of 2,500 rows."""
    rows = np.clip(simulate("t4", 2500, np.random.default_rng(1)), -CAP, CAP)
    timed: dict[str, Callable[[], object]] = {
        "glr-cusum": lambda: glr_cusum(rows, pre_change_mean=None),
        "bocpd": lambda: bayes_detector(expected_run=252.0)(rows),
        "e-detector": lambda: e_detector(
            rows, lowest_mean=-0.1, highest_mean=0.1, floor=-CAP, ceiling=CAP
        ),
    }
    for name, run in timed.items():
        run()
        seconds = []
        for _ in range(9):
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
        print(f"2,500 rows, {name}: {1e3 * float(np.median(seconds)):.1f} ms")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description="Score and calibrate the change-point searches.")
    parser.add_argument("--replications", type=int, default=200)
    chosen = parser.parse_args()
    if TURING.exists():
        turing(TURING)
    speed()
    delays(chosen.replications // 2)
    online_false_alarms(chosen.replications)
    offline_false_alarms(chosen.replications)


if __name__ == "__main__":
    main()
