"""The HTTP adapter that ccxt is given: an answer is whole within its time and size, or NoAnswer."""

from typing import Any

from unwind.sources.transport import AS_DOCUMENTED, IN_TIME, NoAnswer, Timekeeping, missing_extra


class Bound:
    """What one request may last; set anew before each."""

    def __init__(self, *, largest_mb: float, time: Timekeeping) -> None:
        self.largest_mb = largest_mb
        self.time = time
        self.deadline = time.elapsed()


def mount_bounded(session: Any, bound: Bound) -> None:
    """Let a session of requests read every answer under a bound.

    The library's own time-out starts anew with each packet: an answer that drips would never end.

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
            response = super().send(request, stream=True, **given)
            body = bytearray()
            # What has arrived, not a full part: a part of a dripping answer is never full.
            try:
                while part := response.raw.read1(65_536, decode_content=True):
                    body += part
                    if bound.time.elapsed() > bound.deadline:
                        raise NoAnswer(IN_TIME, "nothing whole in time", passing=True)
                    if len(body) > bound.largest_mb * 1e6:
                        told = f"over {bound.largest_mb:g} MB"
                        raise NoAnswer(AS_DOCUMENTED, told, passing=False)
            except HTTPError as error:
                told = f"the connection broke ({type(error).__name__})"
                raise NoAnswer(IN_TIME, told, passing=True) from error
            finally:
                response.close()
            response._content = bytes(body)
            return response

    for scheme in ("https://", "http://"):
        session.mount(scheme, BoundedAdapter())
