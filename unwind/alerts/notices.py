"""What a desk has to hear: the net change between what it was told last and what stands now.

A notice is known by (kind, base, source, settings, session, from, to): whoever writes it again,
after a crash or on late data, gives it the same id. Pure: what was told comes in, one notice or
none goes out.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Literal
from uuid import NAMESPACE_URL, UUID, uuid5

# A desk that was told nothing stands here: the first raised state is news, the first calm is not.
UNTOLD = "CALM"
NAMESPACE = uuid5(NAMESPACE_URL, "urn:unwind:alerts")

Kind = Literal["transition", "digest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is to be told: a net transition, or that nothing changed."""

    kind: Kind
    base: str
    source: str
    settings_digest: str
    as_of: date
    from_state: str
    to_state: str

    @property
    def id(self) -> UUID:
        """The same for the same notice, whoever writes it."""
        parts = [str(value) for value in asdict(self).values()]
        return uuid5(NAMESPACE, json.dumps(parts, ensure_ascii=False))


def notice_due(told: Sequence[Notice], standing: Notice) -> Notice | None:
    """Decide what the desk has to hear: the net transition, a digest, or nothing.

    Parameters
    ----------
    told : sequence of Notice
        All that was written before, in that order, of any base and source.
    standing : Notice
        What stands in the lake now; `kind` and `from_state` are not read.

    Returns
    -------
    Notice or None
        A transition where the state differs from the one told last for this base and source, else a
        digest, once a session. None for a session before the newest told one, and for a transition
        that this session was told before: data that swing to and fro within one session give an
        alert and a correction, and what stands in the end is told by the session after.
    """
    own = [
        notice for notice in told
        if (notice.base, notice.source) == (standing.base, standing.source)
    ]  # fmt: skip
    if any(notice.as_of > standing.as_of for notice in own):
        return None
    states = [notice.to_state for notice in own if notice.kind == "transition"]
    last = states[-1] if states else UNTOLD
    if last != standing.to_state:
        due = replace(standing, kind="transition", from_state=last)
        return None if due in own else due
    if any(notice.as_of == standing.as_of for notice in own):
        return None
    return replace(standing, kind="digest", from_state=last)
