"""True mechanism and dates of a simulated market, for scoring detectors."""

from dataclasses import dataclass
from datetime import date

import pandas as pd

from unwind.calendar import all_sessions
from unwind.simulation.plans import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """True mechanism and dates of a simulated market, for scoring detectors.

    Attributes
    ----------
    scenario : str
        Its name, a key of `SCENARIOS`.
    mechanism : str
        The cause. "ordinary": no deleveraging; an alarm is a false one.
    event_session : date or None
        The session whose 16:00-to-16:00 return holds the shock (a weekend's fall belongs to
        Monday); None in the calm market.
    first_session, last_session : date or None
        Ends of the stress, both included; None in the calm market.
    """

    scenario: str
    mechanism: str
    event_session: date | None
    first_session: date | None
    last_session: date | None


def truth_of(plan: Scenario, *, scenario: str, event: date) -> Truth:
    """Return the truth of a scenario that takes place around `event`."""
    sessions = all_sessions()
    position = int(sessions.searchsorted(pd.Timestamp(event)))
    stressed = (
        None if plan.stress is None else [sessions[position + end].date() for end in plan.stress]
    )
    return Truth(
        scenario=scenario,
        mechanism=plan.mechanism,
        event_session=event if stressed else None,
        first_session=stressed[0] if stressed else None,
        last_session=stressed[1] if stressed else None,
    )
