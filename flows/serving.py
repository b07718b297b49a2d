"""Prefect's own server, closed to clients without a login and to pages of other origins.

    python -m flows.serving --port 4200     started by deployments/serve.sh and compose.yaml

`prefect server start` answers every Host and offers a second user interface that asks an outside
host. This starts the same application with

- a login: without PREFECT_SERVER_API_AUTH_STRING it does not start
- the Host checked, against DNS rebinding
- one user interface, and a policy that keeps every page from asking another host
- leases on disk: a run that lives through a restart of the server keeps its slot
"""

import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import uvicorn
from cyclopts import Parameter, validators
from cyclopts import run as run_command
from starlette.datastructures import MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.private_files import is_login

# Prefect's pages load from here alone. They compile templates (unsafe-eval) and set styles.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval' 'unsafe-inline' blob:; "
    "worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'self'; "
    "object-src 'none'; frame-ancestors 'none'"
)
LOOPBACK = ("127.0.0.1", "localhost")


class ServingError(ValueError):
    """The server must not start like this; the message gives the remedy."""


def with_policy(application: ASGIApp) -> ASGIApp:
    """Add the content policy to every answer."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = POLICY
                headers["Referrer-Policy"] = "no-referrer"
            await send(message)

        await application(scope, receive, send_with_policy)

    return answer


def application(hosts: tuple[str, ...]) -> ASGIApp:
    """Return Prefect's application behind the checks; `hosts` are the names that it answers to."""
    import prefect
    from prefect.server.api.server import create_app

    # Prefect serves a user interface if it finds its files: hide those of the second one.
    prefect.__ui_v2_static_path__ = Path(os.devnull) / "ui-v2"
    guarded = TrustedHostMiddleware(
        create_app(final=True), allowed_hosts=list(hosts), www_redirect=False
    )
    return with_policy(guarded)


def bound(host: str, port: int) -> socket.socket:
    """Bind the port first, so that no other process answers there meanwhile.

    Raises
    ------
    ServingError
        The port is taken.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise ServingError(
            f"port {port} of {host} cannot be taken ({error.strerror}); "
            "stop what answers there, or choose another with PORT"
        ) from error
    return listener


def serve(
    *,
    host: Annotated[str, Parameter(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int, Parameter(validator=validators.Number(gte=1, lte=65535), help="Port.")
    ] = 4200,
    hosts: Annotated[
        list[str] | None,
        Parameter(name="--allow-host", help="Host name to accept besides the loopback's."),
    ] = None,
) -> None:
    """Start the server; it ends with SIGINT or SIGTERM."""
    if not is_login(os.environ.get("PREFECT_SERVER_API_AUTH_STRING", "")):
        raise ServingError(
            "PREFECT_SERVER_API_AUTH_STRING is not a login, and the server runs commands for "
            "whoever asks; set it to user:password, 16 characters or more after the colon"
        )
    listener = bound(host, port)
    # Before Prefect is imported. The page and its API have one origin: no other is allowed.
    own = f"http://{LOOPBACK[0]}:{port}"
    os.environ.setdefault("PREFECT_SERVER_CORS_ALLOWED_ORIGINS", own)
    os.environ.setdefault("PREFECT_SERVER_UI_API_URL", "/api")
    os.environ.setdefault(
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE",
        "prefect.server.concurrency.lease_storage.filesystem",
    )
    from prefect.settings import get_current_settings

    settings = get_current_settings().server
    config = uvicorn.Config(
        application((*LOOPBACK, *(hosts or ()))),
        timeout_keep_alive=settings.api.keepalive_timeout,
        ws_ping_interval=settings.api.websocket_ping_interval,
        ws_ping_timeout=settings.api.websocket_ping_timeout,
        log_level=settings.logging_level.lower(),
        access_log=False,
    )
    uvicorn.Server(config).run(sockets=[listener])


def main() -> None:
    """Run the command; a fault is one sentence and exit status 2."""
    try:
        run_command(serve)
    except ServingError as error:
        sys.stderr.write(f"unwind: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
