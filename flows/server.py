"""Prefect server objects of the desk besides its deployments, declared as files.

- a work pool of deployments/pools.yaml
- the automations of deployments/automations.yaml
- the notification block for alerts

Objects are looked up by name and updated, so applying twice creates none twice. Only the server is
contacted: work pool templates are those of the worker types installed here.

    unwind server start     server, worker and deployments on this machine
    unwind server apply     work pool, automations, deployments on the configured server
    unwind server notify    the block, from the address of a webhook
    unwind server stop      end what `start` began
"""

import os
import signal
import sys
from copy import deepcopy
from getpass import getpass
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import yaml
from cyclopts import App, Parameter
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.events import AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.workers.base import BaseWorker
from pydantic import ValidationError

from unwind.errors import UserError

app = App(
    name="server",
    help="Start and stop the Prefect server; apply deployments and notifications.",
)

DECLARATIONS = Path(__file__).resolve().parents[1] / "deployments"
DEFAULT_BLOCK = "custom-webhook/unwind-alerts"


class DeclarationError(UserError, ValueError):
    """A declaration under deployments/ cannot be applied; the message names file and remedy."""


def pool_template(pool: dict[str, Any]) -> dict[str, Any]:
    """Return the job template of a declared pool: Prefect's own, with the declared values.

    Raises
    ------
    DeclarationError
        The pool's type is not installed, or a declared variable is none of that type's.
    """
    worker = BaseWorker.get_worker_class_from_type(pool["type"])
    if worker is None:
        raise DeclarationError(
            f"no work pool type {pool['type']} is installed here; there are "
            f"{', '.join(BaseWorker.get_all_available_worker_types())}; install its package, "
            f"e.g. pip install prefect-{pool['type']}"
        )
    template: dict[str, Any] = deepcopy(worker.get_default_base_job_template())
    known = template["variables"]["properties"]
    for name, value in pool.get("variables", {}).items():
        if name not in known:
            raise DeclarationError(
                f"a {pool['type']} pool has no variable {name}; there are {', '.join(known)}"
            )
        known[name]["default"] = value
    template["job_configuration"] |= pool.get("job_configuration", {})
    return template


def apply_pool(file: Path, name: str) -> str:
    """Create or update one declared work pool; return a sentence.

    Raises
    ------
    DeclarationError
        The file declares no pool of that name, or not as its type allows.
    """
    declared = yaml.safe_load(file.read_text(encoding="utf-8"))
    if name not in declared:
        raise DeclarationError(f"{file} declares no pool {name}; there are {', '.join(declared)}")
    pool = declared[name]
    template = pool_template(pool)
    with get_client(sync_client=True) as client:
        try:
            existing = client.read_work_pool(name)
        except ObjectNotFound:
            client.create_work_pool(
                WorkPoolCreate(
                    name=name,
                    type=pool["type"],
                    description=pool["description"],
                    base_job_template=template,
                )
            )
            return f"work pool {name} created"
        if existing.type != pool["type"]:
            raise DeclarationError(
                f"work pool {name} is of type {existing.type} on the server, not {pool['type']}; "
                "choose another name, or delete it there"
            )
        client.update_work_pool(
            name, WorkPoolUpdate(description=pool["description"], base_job_template=template)
        )
        return f"work pool {name} updated"


def read_automations(file: Path, block: UUID | None) -> list[AutomationCore]:
    """Read the declared automations; without a block they send no notification, only events.

    Raises
    ------
    DeclarationError
        An automation is not what Prefect can run.
    """
    automations = []
    for declared in yaml.safe_load(file.read_text(encoding="utf-8")):
        actions = [
            {"type": "do-nothing"} if block is None else action | {"block_document_id": str(block)}
            for action in declared["actions"]
        ]
        try:
            automations.append(AutomationCore.model_validate(declared | {"actions": actions}))
        except ValidationError as error:
            raise DeclarationError(f"{file}: {declared['name']}: {error}") from error
    return automations


def apply_automations(file: Path, *, block: str) -> list[str]:
    """Create or update every declared automation; return a sentence each.

    Parameters
    ----------
    file : Path
    block : str
        Notification block to send through, as type/name.
    """
    with get_client(sync_client=True) as client:
        document = _block_id(client, block)
        lines = []
        for automation in read_automations(file, document):
            existing = client.read_automations_by_name(automation.name)
            if existing:
                # An automation disabled by a person stays disabled.
                updated = automation.model_copy(update={"enabled": existing[0].enabled})
                client.update_automation(existing[0].id, updated)
            else:
                client.create_automation(automation)
            lines.append(f"automation {automation.name} {'updated' if existing else 'created'}")
    if document is None:
        lines.append(
            f"no block {block} on this server: the automations notify nobody; make one with "
            "`unwind server notify`, then apply again"
        )
    return lines


def _block_id(client: SyncPrefectClient, block: str) -> UUID | None:
    kind, _, name = block.partition("/")
    if not name:
        raise DeclarationError(
            f"a notification block is named type/name, e.g. {DEFAULT_BLOCK}; got {block}"
        )
    try:
        return client.read_block_document_by_name(name, kind).id
    except ObjectNotFound:
        return None


def save_webhook(url: str, *, name: str) -> str:
    """Save a webhook as a Prefect block, with its address as a secret; return a sentence.

    The body is `{"text": …}`, which the webhooks of Slack, Mattermost, Teams and Google Chat take.
    """
    CustomWebhookNotificationBlock.register_type_and_schema()
    CustomWebhookNotificationBlock.model_validate(
        {
            "name": name,
            "url": "{{url}}",
            "json_data": {"text": "{{subject}}\n{{body}}"},
            "secrets": {"url": url},
        }
    ).save(name, overwrite=True)
    return f"block custom-webhook/{name} saved"


@app.command
def start(
    *, port: Annotated[int, Parameter(env_var="PORT", help="Port on 127.0.0.1.")] = 4200
) -> None:
    """Start server, deployments and a worker on 127.0.0.1, with a login; Ctrl-C stops them."""
    os.environ |= {"PORT": str(port), "BIN": str(Path(sys.executable).parent)}
    script = _script("serve.sh")
    os.execv(script, [str(script)])


@app.command
def stop() -> None:
    """Stop the server, worker and runs that `unwind server start` began on this machine."""
    file = Path(os.environ.get("PREFECT_HOME", DECLARATIONS.parent / ".prefect")) / "serve.pid"
    try:
        os.kill(int(file.read_text(encoding="ascii")), signal.SIGTERM)
    except (OSError, ValueError) as error:
        raise DeclarationError(f"no server was started here ({file}); nothing to stop") from error
    sys.stdout.write("stopping; runs are given twenty seconds to end\n")


@app.command
def apply(
    *,
    pool: Annotated[
        str, Parameter(env_var="UNWIND_POOL", help="Work pool of pools.yaml.")
    ] = "desk",
    notification: Annotated[
        str, Parameter(env_var="UNWIND_NOTIFICATION", help="Notification block, type/name.")
    ] = DEFAULT_BLOCK,
    declarations: Annotated[
        Path, Parameter(help="Folder of pools.yaml and automations.yaml.")
    ] = DECLARATIONS,
    deployments: Annotated[bool, Parameter(help="Apply the deployments too.")] = False,
) -> None:
    """Apply work pool and automations to the configured server; safe to repeat."""
    if deployments:
        os.environ["BIN"] = str(Path(sys.executable).parent)
        script = _script("deploy.sh")
        os.execv(script, [str(script)])
    lines = [apply_pool(declarations / "pools.yaml", pool)]
    lines += apply_automations(declarations / "automations.yaml", block=notification)
    sys.stdout.writelines(f"{line}\n" for line in lines)


@app.command
def notify(
    *,
    url: Annotated[
        str | None,
        Parameter(env_var="UNWIND_WEBHOOK_URL", help="Webhook address. Default: ask for it."),
    ] = None,
    name: Annotated[str, Parameter(help="Name of the block.")] = "unwind-alerts",
) -> None:
    """Save the webhook that alerts go to as a Prefect block, its address as a secret."""
    sys.stdout.write(save_webhook(url or getpass("Webhook address: "), name=name) + "\n")


def _script(name: str) -> Path:
    script = DECLARATIONS / name
    if not script.exists():
        raise DeclarationError(f"{script} is missing: run this from a checkout, not from a wheel")
    return script
