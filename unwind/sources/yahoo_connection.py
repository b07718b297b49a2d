"""The HTTP session that yfinance is given: every answer is checked before the library sees it.

Left alone, the library swallows time-outs and pages, asks for other cookies where a server is down
and remembers a wrong answer for the life of the process.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from unwind.sources.answers import check_status, parsed_json
from unwind.sources.transport import (
    ACCESS_DENIED,
    CONNECTION_FAILED,
    RATE_LIMITED,
    TIMEOUT,
    UNEXPECTED_ANSWER,
    Allowance,
    NoAnswer,
    missing_extra,
)

OWN_HOST = "yahoo.com"
# Paths that carry data; cookies and crumbs are the library's own business.
DATA = ("/v7/finance/options/", "/v8/finance/chart/")
# Pages of cookies and consent, which the library lays out as a tree.
MAX_PAGE_MB = 4.0


def open_connection(base_url: str, *, allowance: Allowance) -> Any:
    """Make a session that sends everything for Yahoo to `base_url`.

    Raises
    ------
    SourceError
        yfinance is not installed.
    """
    try:
        import curl_cffi.requests as curl
    except ImportError as error:
        raise missing_extra("yfinance", "yahoo") from error
    home = urlsplit(base_url)
    direct = (home.hostname or "").endswith(f".{OWN_HOST}")

    class CheckedSession(curl.Session):  # type: ignore[type-arg]
        """A browser-like session whose data answers are data, or NoAnswer."""

        def get(self, url: str, **given: Any) -> Any:
            return self._checked(super().get, url, given)

        def post(self, url: str, **given: Any) -> Any:
            return self._checked(super().post, url, given)

        def _checked(self, send: Any, url: str, given: dict[str, Any]) -> Any:
            path = urlsplit(url).path
            data = path.startswith(DATA)
            left = max(0.05, allowance.deadline - allowance.time.elapsed())
            if not direct:
                url = f"{base_url}{path}" + (f"?{query}" if (query := urlsplit(url).query) else "")
            body = bytearray()

            def receive(part: bytes) -> int:
                """Take what libcurl has unpacked, at most some tens of kilobytes at a time."""
                allowance.take(body, part, max_mb=None if data else MAX_PAGE_MB)
                return len(part)

            try:
                # libcurl's time-out bounds the whole request, headers included.
                response = send(url, **(given | {"timeout": left, "content_callback": receive}))
            except curl.exceptions.Timeout as error:
                if not data:
                    raise
                raise NoAnswer(TIMEOUT, f"no answer after {left:.0f} s", passing=True) from error
            except curl.exceptions.RequestException as error:
                if not data:
                    raise
                raise NoAnswer(CONNECTION_FAILED, type(error).__name__, passing=True) from error
            allowance.count(body)
            response.content = bytes(body)
            # Not by the header's charset: some codecs take time that grows with the square.
            response.encoding = "utf-8"
            # 401 is a stale crumb: the library fetches another and asks again.
            if data and response.status_code != 401:
                text = body.decode("utf-8", errors="replace")
                check_status(
                    response.status_code, response.headers.get("retry-after"), text,
                    now=allowance.time.now(),
                )  # fmt: skip
                parsed_json(text, response.headers.get("content-type", ""))
            return response

    return CheckedSession(impersonate="chrome")


@contextmanager
def library_faults() -> Iterator[None]:
    """Let yfinance raise what it would log, and say it as NoAnswer."""
    import yfinance
    from yfinance.exceptions import YFException, YFRateLimitError

    hidden = yfinance.config.debug.hide_exceptions
    yfinance.config.debug.hide_exceptions = False
    # A cookie that could not be had is a line a request; what matters is said once, as a fault.
    logger = logging.getLogger("yfinance")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # The library (1.7) uses keywords that pandas 3.1 deprecates for pandas 4.
            warnings.filterwarnings("ignore", "The inplace keyword")
            yield
    except NoAnswer:
        raise
    except YFRateLimitError as error:
        raise NoAnswer(RATE_LIMITED, "HTTP 429", passing=True) from error
    except YFException as error:
        raise NoAnswer(ACCESS_DENIED, str(error), passing=False) from error
    # Whatever shape the library stumbles over: its parsers check nothing.
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise NoAnswer(UNEXPECTED_ANSWER, told, passing=False) from error
    finally:
        yfinance.config.debug.hide_exceptions = hidden
        logger.setLevel(level)
