"""The day's charts as pictures with a `data:` address, for a page that shows no SVG of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from unwind.mechanism_pictures import mechanism_pictures, votes_picture
from unwind.mechanism_views import MechanismViews
from unwind.pictures import Titled
from unwind.report_pictures import heat_picture
from unwind.svg import picture_address


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture: a title of our own words, and its address."""

    title: str
    address: str


def artifact_pictures(
    tables: Mapping[str, pd.DataFrame], views: MechanismViews, *, base: str
) -> dict[str, Shown]:
    """Draw the heat map, the votes and the mechanisms, each by a key; what is missing is left out.

    The reasons of what is missing stand in `unwind.mechanism_digest.mechanisms_markdown`.
    """
    drawn = [
        Titled("Correlation by window", "heat-map", heat_picture(tables["correlations"], base=base))
    ]
    if not tables["evidence"].empty:
        drawn.append(Titled("Who votes for what", "votes", votes_picture(tables["evidence"])))
    drawn += mechanism_pictures(views, base=base)
    return {
        f"chart-{titled.name}": Shown(titled.title, picture_address(titled.picture.wide))
        for titled in drawn
        if titled.picture.wide
    }
