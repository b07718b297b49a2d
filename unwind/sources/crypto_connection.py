"""The HTTP adapter that ccxt is given: an answer is whole within its time and size, or NoAnswer."""

from collections.abc import Iterator
from typing import Any

from unwind.sources.answers import ACCEPTED, read_body
from unwind.sources.transport import CONNECTION_FAILED, Allowance, NoAnswer, missing_extra


def mount_bounded(session: Any, allowance: Allowance) -> None:
    """Let a session of requests read every answer under bounds on time and size.

    The library's own time-out starts anew with each packet, and it unpacks without a bound.

    Raises
    ------
    SourceError
        requests, which ccxt brings with it, is not installed.
    """
    try:
        from requests.adapters import HTTPAdapter
        from urllib3.exceptions import HTTPError
    except ImportError as error:
        raise missing_extra("requests", "crypto") from error

    class BoundedAdapter(HTTPAdapter):  # type: ignore[misc]
        """Reads the body itself, part by part."""

        def send(self, request: Any, stream: bool = False, **given: Any) -> Any:
            request.headers["Accept-Encoding"] = ACCEPTED
            response = super().send(request, stream=True, **given)
            try:
                encoding = response.headers.get("content-encoding", "")
                response._content = read_body(_parts(response.raw), encoding, allowance)
            except HTTPError as error:
                raise NoAnswer(CONNECTION_FAILED, type(error).__name__, passing=True) from error
            finally:
                response.close()
            return response

    for scheme in ("https://", "http://"):
        session.mount(scheme, BoundedAdapter())


def _parts(raw: Any) -> Iterator[bytes]:
    # What has arrived, not a full part: a part of a dripping answer is never full.
    while part := raw.read1(65_536, decode_content=False):
        yield part
