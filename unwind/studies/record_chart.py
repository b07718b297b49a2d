"""The score over its history, with thresholds, labelled episodes and entries, as SVG."""

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
    """Draw one panel per history: the score under the active calibration.

    Labelled episodes are shaded. Entries into DELEVERAGING or DEGROSSING are marked: filled near
    an episode, hollow elsewhere. The same input gives the same bytes.
    """
    limits = settings.calibrated
    figure = Figure(figsize=(11, 3.2 * len(histories)), layout="constrained")
    FigureCanvasSVG(figure)
    for number, history in enumerate(histories, start=1):
        verdict = judge(history.drivers, settings)
        score, machine = verdict.scores.score, verdict.states
        scored = machine.loc[history.first_scored :]
        entered = scored.index[
            scored["state"].isin(RAISED) & ~scored["previous_state"].isin(RAISED)
        ]
        axes = figure.add_subplot(len(histories), 1, number)
        axes.plot(scored.index, score.loc[scored.index], color=MUTED, linewidth=0.5)
        for episode in labels.episodes:
            if scored.index[0] <= episode.acute_start <= scored.index[-1]:
                end = max(episode.end, episode.acute_start + pd.Timedelta(days=4))
                shaded = scored.index[(scored.index >= episode.acute_start) & (scored.index <= end)]
                axes.fill_between(shaded, 0, 4.9, color=BLUE, alpha=0.25, linewidth=0)
                axes.annotate(
                    episode.name, (episode.acute_start, 4.15), color=BLUE, fontsize=8, rotation=30
                )
        near = [_near(day, labels) for day in entered]
        for flag, face in ((True, ORANGE), (False, "white")):
            days = entered[[is_near is flag for is_near in near]]
            axes.plot(
                days, score.loc[days], "o", markersize=5, markerfacecolor=face,
                markeredgecolor=ORANGE, label="entry in an episode" if flag else "false alarm",
            )  # fmt: skip
        for level, text in ((limits.deleveraging, "DELEVERAGING"), (limits.watch, "WATCH")):
            axes.axhline(level, color=INK, linewidth=0.8, linestyle="--")
            axes.annotate(text, (scored.index[0], level), color=INK, fontsize=8, va="bottom")
        axes.set(ylim=(0, 4.9), ylabel="score", title=history.name)
        axes.legend(loc="upper right", fontsize=8, frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    output = io.StringIO()
    # No date and a fixed salt: the picture changes only with the record.
    with style.context({"svg.hashsalt": "unwind", "svg.fonttype": "none"}):
        figure.savefig(output, format="svg", metadata={"Date": None})
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines()) + "\n"


def _near(day: pd.Timestamp, labels: Labels) -> bool:
    return bool(near_episode(pd.DatetimeIndex([day]), labels.episodes).iloc[0])
