"""What Prefect's processes print: a traceback names the host of an address, and no more of it.

The server sends notifications, and where a webhook answers with an error it prints a traceback with
the whole address. Whoever knows the address of a webhook can write to the desk. `flows/__init__.py`
names this handler for temporary servers, deployments/serve.sh and compose.yaml for standing ones.
"""

import logging
import re

from prefect.logging.handlers import PrefectConsoleHandler

ADDRESS = re.compile(r"(https?://[^/?#\s'\"]+)[/?#][^\s'\"]*")


class Console(PrefectConsoleHandler):
    """Prefect's own, with what follows the host left out of addresses in tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        """Lay a record out."""
        told = super().format(record)
        return ADDRESS.sub(r"\1/…", told) if record.exc_info else told
