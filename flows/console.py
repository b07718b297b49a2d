"""Log handler of Prefect's processes: tracebacks show only the host of an address.

The server sends notifications. If a webhook answers with an error, it prints a traceback with the
full address, and anyone with that address can write to the desk. `flows/__init__.py`
names this handler for temporary servers, deployments/serve.sh and compose.yaml for permanent ones.
"""

import logging
import re

from prefect.logging.handlers import PrefectConsoleHandler

ADDRESS = re.compile(r"(https?://[^/?#\s'\"]+)[/?#][^\s'\"]*")


class Console(PrefectConsoleHandler):
    """Prefect's handler, with addresses in tracebacks cut after the host."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        text = super().format(record)
        return ADDRESS.sub(r"\1/…", text) if record.exc_info else text
