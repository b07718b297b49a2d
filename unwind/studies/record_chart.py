"""The score over its history, with thresholds, dated episodes and entries, as one SVG picture."""

import io

import pandas as pd
from matplotlib import style
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from models.verdict import RAISED, near_episode
from unwind.indicators.verdict import judge
from unwind.settings import Settings
from unwind.studies.episodes import Labels
from unwind.studies.history import History

INK, MUTED, ORANGE, BLUE = "#1b1d20", "#8a9099", "#d55e00", "#0072b2"


def record_chart(histories: tuple[History, ...], labels: Labels, *, settings: Settings) -> str:
    """Draw one panel a history: the score with the calibration in force.

    Labelled episodes are shaded. Entries into DELEVERAGING or DEGROSSING are marked: filled near
    an episode, hollow elsewhere. The same input gives the same bytes.
    """
    limits = settings.calibrated
    figure = Figure(figsize=(11, 3.2 * len(histories)), layout="constrained")
    FigureCanvasSVG(figure)
    for number, history in enumerate(histories, start=1):
        verdict = judge(history.drivers, settings)
        score, machine = verdict.scores.score, verdict.states
        shown = machine.loc[history.first_scored :]
        entered = shown.index[shown["state"].isin(RAISED) & ~shown["previous_state"].isin(RAISED)]
        axes = figure.add_subplot(len(histories), 1, number)
        axes.plot(shown.index, score.loc[shown.index], color=MUTED, linewidth=0.5)
        for episode in labels.episodes:
            if shown.index[0] <= episode.acute_start <= shown.index[-1]:
                end = max(episode.end, episode.acute_start + pd.Timedelta(days=4))
                shaded = shown.index[(shown.index >= episode.acute_start) & (shown.index <= end)]
                axes.fill_between(shaded, 0, 4.9, color=BLUE, alpha=0.25, linewidth=0)
                axes.annotate(
                    episode.name, (episode.acute_start, 4.15), color=BLUE, fontsize=8, rotation=30
                )
        near = [_near(day, labels) for day in entered]
        for flag, face in ((True, ORANGE), (False, "white")):
            days = entered[[held is flag for held in near]]
            axes.plot(
                days, score.loc[days], "o", markersize=5, markerfacecolor=face,
                markeredgecolor=ORANGE, label="entry in an episode" if flag else "false entry",
            )  # fmt: skip
        for level, text in ((limits.deleveraging, "DELEVERAGING"), (limits.watch, "WATCH")):
            axes.axhline(level, color=INK, linewidth=0.8, linestyle="--")
            axes.annotate(text, (shown.index[0], level), color=INK, fontsize=8, va="bottom")
        axes.set(ylim=(0, 4.9), ylabel="score", title=history.name)
        axes.legend(loc="upper right", fontsize=8, frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    held = io.StringIO()
    # No date and a fixed salt: the picture changes only when the record does.
    with style.context({"svg.hashsalt": "unwind", "svg.fonttype": "none"}):
        figure.savefig(held, format="svg", metadata={"Date": None})
    return "\n".join(line.rstrip() for line in held.getvalue().splitlines()) + "\n"


def _near(day: pd.Timestamp, labels: Labels) -> bool:
    return bool(near_episode(pd.DatetimeIndex([day]), labels.episodes).iloc[0])
