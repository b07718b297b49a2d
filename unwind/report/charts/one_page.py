"""Charts of a session as one markdown page, for readers that do not display SVG.

Prefect displays an image with a `data:` address in markdown; an image artifact would also show the
whole address below the picture.
"""

from collections.abc import Mapping

import pandas as pd

from unwind.contract.text import plain
from unwind.indicators.mechanisms.views import MechanismViews
from unwind.report.charts.captions import Titled
from unwind.report.charts.mechanism_pictures import contributions_picture, mechanism_pictures
from unwind.report.charts.report_pictures import heat_picture
from unwind.report.charts.svg import picture_address
from unwind.report.markdown import escape_markdown


def charts_markdown(tables: Mapping[str, pd.DataFrame], views: MechanismViews, *, base: str) -> str:
    """Write heat map, mechanisms and evidence below each other, each with its caption.

    If a mechanism could not be drawn, its reason is given instead.
    """
    heat = heat_picture(tables["correlations"], base=base)
    pictures = [Titled("Correlation by window", "heat-map", heat)]
    pictures += mechanism_pictures(views, base=base)
    if not tables["evidence"].empty:
        pictures.append(
            Titled("Evidence by block", "contributions", contributions_picture(tables["evidence"]))
        )
    return "\n\n".join(_set(titled) for titled in pictures) + "\n"


def _set(titled: Titled) -> str:
    drawn = titled.picture.wide
    picture = f"![{titled.title}]({picture_address(drawn)})\n\n" if drawn else ""
    return f"## {titled.title}\n\n{picture}{escape_markdown(plain(titled.picture.caption))}"
