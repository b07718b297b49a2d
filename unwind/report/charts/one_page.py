"""The day's charts as one page of markdown, for a reader that shows no SVG of its own.

Prefect's pages keep an image with a `data:` address in markdown; an image artifact would print the
whole address below its picture.
"""

from collections.abc import Mapping

import pandas as pd

from unwind.contract.text import plain
from unwind.indicators.mechanisms.views import MechanismViews
from unwind.report.charts.captions import Titled
from unwind.report.charts.mechanism_pictures import mechanism_pictures, votes_picture
from unwind.report.charts.report_pictures import heat_picture
from unwind.report.charts.svg import picture_address
from unwind.report.markdown import escape_markdown


def charts_markdown(tables: Mapping[str, pd.DataFrame], views: MechanismViews, *, base: str) -> str:
    """Set the heat map, the mechanisms and the votes below each other, each with its caption.

    Where a mechanism could not be drawn, the reason stands in its place.
    """
    heat = heat_picture(tables["correlations"], base=base)
    shown = [Titled("Correlation by window", "heat-map", heat)]
    shown += mechanism_pictures(views, base=base)
    if not tables["evidence"].empty:
        shown.append(Titled("Who votes for what", "votes", votes_picture(tables["evidence"])))
    return "\n\n".join(_set(titled) for titled in shown) + "\n"


def _set(titled: Titled) -> str:
    drawn = titled.picture.wide
    picture = f"![{titled.title}]({picture_address(drawn)})\n\n" if drawn else ""
    return f"## {titled.title}\n\n{picture}{escape_markdown(plain(titled.picture.caption))}"
