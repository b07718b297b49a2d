"""Alerts as Prefect events: `unwind.transition` and `unwind.digest`, under ids that repeat.

Prefect drops an event whose id it saw in the last minutes, and stores no id twice; in addition, the
server is queried before an event is sent again. So the run after one that was killed between
sending and recording sends nothing. Two cases remain. A server that dies within seconds of
accepting an event, before storing it, may have notified and receives it again (twice rather than
never). One that dies between storing an event and running its action loses the notification, which
`unwind alerts` and the automation's own events then show.
"""

import time
from datetime import date
from pathlib import Path
from uuid import UUID

import httpx
from prefect import runtime
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events import Event, RelatedResource, Resource
from prefect.exceptions import PrefectHTTPStatusError

from unwind.alerts.ledger import Alert, mark, write_intent
from unwind.errors import UserError
from unwind.lake.snapshots import Snapshot

# The server stores events every five seconds; a busy one takes longer.
STORED_WITHIN_SECONDS = 60.0
POLL_SECONDS = 0.5


class AlertError(UserError, RuntimeError):
    """The session is published, but the server did not accept the alert event."""


def send(
    lake: Path, snapshot: Snapshot, *, as_of: date, current_session: date, report: Path
) -> list[str]:
    """Send the alert of a session and what is pending from earlier runs, and return the subjects.

    Parameters
    ----------
    lake : Path
    snapshot : Snapshot
    as_of : date
        Session of the run.
    current_session : date
        The last session with a data cut-off that has passed.
    report : Path

    Raises
    ------
    AlertError
        No server accepted it; it stays pending, and the next run delivers it.
    """
    links = {"Report": str(report.absolute())}
    if address := runtime.flow_run.ui_url:
        links["Run"] = address
    pending = write_intent(
        lake, snapshot, as_of=as_of, current_session=current_session, links=links
    )
    try:
        with get_client(sync_client=True) as client:
            for alert in pending:
                _deliver(client, lake, alert)
    except (httpx.HTTPError, PrefectHTTPStatusError) as error:
        raise AlertError(
            f"tables published, but the Prefect server did not accept the alert event ({error}); "
            "rerun the session when the server is available"
        ) from error
    return [str(alert.message["subject"]) for alert in pending]


def _deliver(client: SyncPrefectClient, lake: Path, alert: Alert) -> None:
    key = alert.notice.id
    if not _is_stored(client, key):
        content = _event(alert).model_dump(mode="json")
        client.request("POST", "/events", json=[content]).raise_for_status()
        mark(lake, alert.notice, "emitted")
    patience = time.monotonic() + STORED_WITHIN_SECONDS
    while not _is_stored(client, key):
        if time.monotonic() > patience:
            raise AlertError(
                f"published, but the server did not store alert {key} within "
                f"{STORED_WITHIN_SECONDS:.0f} s; run the session again when it is less busy"
            )
        time.sleep(POLL_SECONDS)
    mark(lake, alert.notice, "acknowledged")


def _is_stored(client: SyncPrefectClient, key: UUID) -> bool:
    answer = client.request("POST", "/events/filter", json={"filter": {"id": {"id": [str(key)]}}})
    answer.raise_for_status()
    return bool(answer.json()["events"])


def _event(alert: Alert) -> Event:
    notice = alert.notice
    run = runtime.flow_run.id
    related = (
        [RelatedResource({"prefect.resource.id": f"prefect.flow-run.{run}",
                          "prefect.resource.role": "flow-run"})]
        if run else []
    )  # fmt: skip
    return Event(
        id=notice.id,
        event=f"unwind.{notice.kind}",
        resource=Resource(
            {
                "prefect.resource.id": f"unwind.state.{notice.base}",
                "prefect.resource.name": f"State of {notice.base}",
                "unwind.source": notice.source,
                "unwind.state": notice.to_state,
            }
        ),
        related=related,
        payload=alert.message
        | {
            "session": notice.as_of.isoformat(),
            "from": notice.from_state,
            "to": notice.to_state,
            "settings_digest": notice.settings_digest,
        },
    )
