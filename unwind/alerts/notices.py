"""Alert decision: the net change between the last state sent and the published state.

A notice is identified by kind, base, source, settings, session, from, to and the lake: a repeated
notice, after a crash or on late data, has the same id. Pure: from the log to one notice or none.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from unwind.contract.text import is_simulated

# Before the first alert the last state counts as calm: a first WATCH is news, a first CALM is not.
INITIAL_STATE = "CALM"
NAMESPACE = uuid5(NAMESPACE_URL, "urn:unwind:alerts")

Kind = Literal["transition", "digest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A net transition, or an unchanged state; `lake` is None in logs of earlier releases."""

    kind: Kind
    base: str
    source: str
    settings_digest: str
    as_of: date
    from_state: str
    to_state: str
    lake: str | None = None

    @property
    def id(self) -> UUID:
        """Deterministic id: equal for equal notices of one lake."""
        parts = asdict(self)
        if self.lake is None:
            # The rule of earlier releases: their alerts keep their ids.
            del parts["lake"]
        return uuid5(NAMESPACE, json.dumps([str(part) for part in parts.values()],
                                           ensure_ascii=False))  # fmt: skip

    @property
    def state_key(self) -> tuple[str, bool]:
        """Key of the last state: base, and real or simulated, without the source's label."""
        return self.base, is_simulated(self.source)


def notice_due(log: Sequence[Notice], current: Notice, *, newest_session: date) -> Notice | None:
    """Decide what to send: the net transition, a digest, or nothing.

    Parameters
    ----------
    log : sequence of Notice
        All earlier notices in order, of any base and source.
    current : Notice
        The published state of the run's own session; `kind` and `from_state` are not read.
    newest_session : date
        The newest session that a run can have. Entries of later ones are wrong, and are ignored.

    Returns
    -------
    Notice or None
        A transition if the state differs from the last one sent for this base, real or simulated,
        otherwise a digest, once per session. None for a session before the newest one sent, and
        for a step that this session has sent before: data that alternate within one session give
        an alert and a correction, and the next session sends the final state.
    """
    own = [
        notice for notice in log
        if notice.state_key == current.state_key and notice.as_of <= newest_session
    ]  # fmt: skip
    if any(notice.as_of > current.as_of for notice in own):
        return None
    states = [notice.to_state for notice in own if notice.kind == "transition"]
    last = states[-1] if states else INITIAL_STATE
    kind: Kind = "digest" if last == current.to_state else "transition"
    due = replace(current, kind=kind, from_state=last)
    same_session = [notice for notice in own if notice.as_of == current.as_of]
    if kind == "digest":
        return None if same_session else due
    steps = [(notice.kind, notice.from_state, notice.to_state) for notice in same_session]
    return None if (kind, last, current.to_state) in steps else due
