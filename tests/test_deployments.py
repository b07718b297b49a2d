"""What stands in deployments/ must load, be bounded, follow New York, and pass its own linter.

Nothing here needs a container engine or a cluster, and nothing here proves that a container runs.
"""

import importlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import prefect
import pytest
import yaml
from prefect.flows import Flow
from prefect.utilities.callables import parameter_schema
from prefect.utilities.templating import apply_values
from prefect.workers.base import BaseWorker

from flows.commands import FLOWS
from flows.recovery import SILENCE
from flows.server import DeclarationError, pool_template, read_automations
from tests.conftest import ROOT

FOLDER = ROOT / "deployments"
TOOLS = Path(sys.executable).parent
PLACES = {
    "UNWIND_POOL": "desk", "UNWIND_LAKE": "/lake", "UNWIND_DROP": "/drop",
    "UNWIND_LABELS": "/labels", "UNWIND_HOME": "/home/desk",
}  # fmt: skip


def _flow(deployment: dict[str, Any]) -> Flow[Any, Any]:
    module, _, name = deployment["entrypoint"].rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.fixture(scope="module")
def declared() -> dict[str, dict[str, Any]]:
    content = yaml.safe_load((FOLDER / "prefect.yaml").read_text(encoding="utf-8"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in PLACES.items():
            patch.setenv(name, value)
        filled = apply_values(content, os.environ, remove_notset=False)
    return {deployment["name"]: deployment for deployment in filled["deployments"]}


class TestPrefectFile:
    def test_names_what_a_desk_runs(self, declared: dict[str, dict[str, Any]]) -> None:
        assert {name.replace("-", "_") for name in declared} == set(FLOWS)
        for deployment in declared.values():
            assert deployment["work_pool"]["name"] == "desk"
            assert deployment["tags"][0] == "unwind"
            (step,) = deployment["pull"]
            assert list(step.values()) == [{"directory": "/home/desk"}]
            assert len(deployment["description"]) > 40

    def test_each_entrypoint_is_a_module_and_loads(
        self, declared: dict[str, dict[str, Any]]
    ) -> None:
        for name, deployment in declared.items():
            assert _flow(deployment).name == name

    @pytest.mark.parametrize(
        ("name", "cron"), [("daily", "20 16 * * 1-5"), ("morning-after", "35 9 * * 1-5")]
    )
    def test_runs_by_new_york_time(
        self, name: str, cron: str, declared: dict[str, dict[str, Any]]
    ) -> None:
        (schedule,) = declared[name]["schedules"]
        assert schedule["cron"] == cron
        assert schedule["timezone"] == "America/New_York"
        scheduled = [name for name, held in declared.items() if held["schedules"]]
        assert scheduled == ["daily", "morning-after"]

    def test_parameters_fit_their_flows(self, declared: dict[str, dict[str, Any]]) -> None:
        for deployment in declared.values():
            _flow(deployment).validate_parameters(deployment["parameters"])

    def test_late_runs_wait_for_each_other_and_none_is_dropped(
        self, declared: dict[str, dict[str, Any]]
    ) -> None:
        rules = {name: held["concurrency_limit"] for name, held in declared.items()}
        assert {rule["limit"] for rule in rules.values()} == {1}
        dropped = [name for name, rule in rules.items() if rule["collision_strategy"] != "ENQUEUE"]
        assert dropped == ["calibrate", "evaluate"]

    def test_every_form_field_is_described(self, declared: dict[str, dict[str, Any]]) -> None:
        for deployment in declared.values():
            schema = parameter_schema(_flow(deployment))
            fields = dict(schema.properties)
            for definition in schema.definitions.values():
                fields |= definition["properties"]
            silent = [
                name
                for name, content in fields.items()
                if "description" not in content and "$ref" not in content
            ]
            assert silent == []

    def test_every_number_of_a_form_is_bounded(self, declared: dict[str, dict[str, Any]]) -> None:
        for deployment in declared.values():
            for name, content in parameter_schema(_flow(deployment)).properties.items():
                for shape in (content, *content.get("anyOf", ())):
                    if shape.get("type") in ("integer", "number"):
                        assert {"maximum", "exclusiveMaximum"} & set(shape), name
                        assert {"minimum", "exclusiveMinimum"} & set(shape), name


@pytest.fixture(scope="module")
def pools() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "pools.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def worker_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker types that need a package of their own, with the templates that Prefect ships."""
    shipped = Path(prefect.__file__).parent / "server/api/collections_data/views"
    text = (shipped / "aggregate-worker-metadata.json").read_text(encoding="utf-8")
    templates = {
        kind: entry["default_base_job_configuration"]
        for group in json.loads(text).values()
        for kind, entry in group.items()
    }
    installed = BaseWorker.get_worker_class_from_type

    def of_type(kind: str) -> Any:
        if kind not in ("docker", "kubernetes"):
            return installed(kind)
        return SimpleNamespace(get_default_base_job_template=lambda: templates[kind])

    monkeypatch.setattr(BaseWorker, "get_worker_class_from_type", staticmethod(of_type))


@pytest.mark.usefixtures("worker_types")
class TestPools:
    def test_each_kind_once(self, pools: dict[str, Any]) -> None:
        assert [pool["type"] for pool in pools.values()] == ["process", "docker", "kubernetes"]

    def test_values_fit_the_templates_that_prefect_ships(self, pools: dict[str, Any]) -> None:
        jsonschema = pytest.importorskip("jsonschema")
        for pool in pools.values():
            variables = pool_template(pool)["variables"]
            jsonschema.validate(pool["variables"], {**variables, "required": []})

    def test_every_placeholder_of_the_job_is_a_variable(self, pools: dict[str, Any]) -> None:
        from prefect.utilities.templating import find_placeholders

        for pool in pools.values():
            template = pool_template(pool)
            asked = {held.name for held in find_placeholders(template["job_configuration"])}
            assert asked <= set(template["variables"]["properties"])

    def test_a_run_in_the_cluster_may_do_nothing_there(self, pools: dict[str, Any]) -> None:
        job = pools["desk-kubernetes"]["job_configuration"]["job_manifest"]
        pod = job["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert "serviceAccountName" not in pod
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        # What it writes has a volume: the folders of the Dockerfile, and the lake.
        mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert {"/tmp", "/var/cache/unwind", "/var/lib/unwind", "/lake"} <= mounted
        names = {mount["name"] for mount in container["volumeMounts"]}
        assert names == {volume["name"] for volume in pod["volumes"]}

    def test_no_run_hashes_its_frames_for_a_cache(self, pools: dict[str, Any]) -> None:
        for pool in pools.values():
            assert pool["variables"]["env"]["PREFECT_TASKS_DEFAULT_NO_CACHE"] == "true"

    def test_every_run_sends_heartbeats_before_it_is_taken_for_dead(
        self, pools: dict[str, Any]
    ) -> None:
        for pool in pools.values():
            assert 2 * int(pool["variables"]["env"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"]) < SILENCE

    @pytest.mark.parametrize(
        ("pool", "said"),
        [
            ({"type": "docker", "variables": {"colour": "red"}}, "has no variable colour"),
            ({"type": "abacus"}, "no work pool type abacus is installed here; there are process"),
        ],
    )
    def test_a_fault_is_a_sentence(self, pool: dict[str, Any], said: str) -> None:
        with pytest.raises(DeclarationError, match=said):
            pool_template(pool)


class TestAutomations:
    def test_notify_through_the_block_and_hold_no_secret(self) -> None:
        block = uuid4()
        held = read_automations(FOLDER / "automations.yaml", block)
        assert [automation.name for automation in held] == [
            "unwind-transition", "unwind-run-failed", "unwind-run-late",
        ]  # fmt: skip
        for automation in held:
            (action,) = automation.actions
            assert action.block_document_id == block
        assert "http" not in (FOLDER / "automations.yaml").read_text(encoding="utf-8")

    def test_without_a_block_they_notify_nobody(self) -> None:
        held = read_automations(FOLDER / "automations.yaml", None)
        assert {action.type for automation in held for action in automation.actions} == {
            "do-nothing"
        }

    def test_a_fault_names_the_automation(self, tmp_path: Path) -> None:
        file = tmp_path / "automations.yaml"
        file.write_text("- {name: broken, trigger: {type: event, within: -1}, actions: []}\n")
        with pytest.raises(DeclarationError, match="broken"):
            read_automations(file, None)


def _tool(name: str, *arguments: str) -> None:
    """Run a linter of the development environment; what it prints is the failure."""
    path = shutil.which(name, path=f"{TOOLS}{os.pathsep}{os.environ['PATH']}")
    if path is None:
        pytest.skip(f"{name} is not installed")
    done = subprocess.run(
        [path, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


class TestContainers:
    """Validated, not executed: there is no container engine here."""

    def test_dockerfile(self) -> None:
        _tool("hadolint", "deployments/Dockerfile")
        text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
        # A digest has no default here: a build without one has no name to pull.
        assert "\nARG PYTHON_DIGEST\n" in text
        assert {line.split()[1] for line in text.splitlines() if line.startswith("FROM")} == {
            "python:3.11-slim@${PYTHON_DIGEST}"
        }
        assert "USER 10001:10001" in text
        assert "HEALTHCHECK" in text

    def test_what_the_dockerfile_copies_exists_and_is_sent(self) -> None:
        sent = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
        copied = [
            name
            for line in text.splitlines()
            if line.startswith("COPY") and "--from" not in line
            for name in line.split()[1:-1]
        ]
        assert "flows" in copied
        for name in copied:
            assert (ROOT / name).exists()
            assert f"!{name}" in sent

    def test_compose_file(self) -> None:
        schema = ("--builtin-schema", "vendor.compose-spec")
        _tool("check-jsonschema", *schema, "deployments/compose.yaml")

    def test_compose_publishes_on_loopback_and_knows_no_password(self) -> None:
        services = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"]
        published = [port for service in services.values() for port in service.get("ports", ())]
        assert published == ["127.0.0.1:4200:4200"]
        passwords = [
            value
            for service in services.values()
            for name, value in service.get("environment", {}).items()
            if "PASSWORD" in name
        ]
        assert passwords
        assert all(value.startswith("${UNWIND_DATABASE_PASSWORD:?") for value in passwords)

    def test_compose_starts_nothing_without_a_login(self) -> None:
        services = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"]
        server = services.pop("server")
        assert server["command"][:3] == ["python", "-m", "flows.serving"]
        assert server["environment"]["PREFECT_SERVER_API_AUTH_STRING"].startswith(
            "${UNWIND_LOGIN:?"
        )
        for name in ("deploy", "worker", "recovery"):
            login = services[name]["environment"]["PREFECT_API_AUTH_STRING"]
            assert login.startswith("${UNWIND_LOGIN:?")

    def test_foreign_images_are_named_by_digest(self) -> None:
        services = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"]
        foreign = {
            service["image"]
            for service in services.values()
            if not service["image"].startswith("unwind:")
        }
        assert len(foreign) == 1
        assert all("@${UNWIND_POSTGRES_DIGEST:?" in image for image in foreign)
        digest = services["server"]["build"]["args"]["PYTHON_DIGEST"]
        assert digest.startswith("${UNWIND_PYTHON_DIGEST:?")

    def test_compose_is_read_by_docker(self) -> None:
        if (
            shutil.which("docker") is None
            or subprocess.run(
                ["docker", "compose", "version"], capture_output=True, check=False
            ).returncode
        ):
            pytest.skip("docker has no compose plugin here")
        subprocess.run(
            ["docker", "compose", "--file", "deployments/compose.yaml", "config", "--quiet"],
            cwd=ROOT, check=True,
            env=os.environ | dict.fromkeys(
                ("UNWIND_DATABASE_PASSWORD", "UNWIND_LOGIN", "UNWIND_DROP_FOLDER",
                 "UNWIND_POSTGRES_DIGEST", "UNWIND_PYTHON_DIGEST"),
                "sha256:" + "0" * 64,
            ),
        )  # fmt: skip

    def test_yaml_is_tidy(self) -> None:
        _tool("yamllint", "--strict", "--config-file", ".yamllint.yaml", "deployments")

    def test_shell_parses(self) -> None:
        for name in (".ci/run", "deployments/deploy.sh", "deployments/serve.sh"):
            _tool("bash", "-n", name)


class TestBuild:
    def test_the_backend_that_runs_at_install_is_one_exact_version(self) -> None:
        content = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        assert content["build-system"]["requires"] == ["hatchling==1.33.0"]


class TestUmask:
    """What the flows create is for their user alone."""

    def _made(self, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        code = "import flows, pathlib, sys; pathlib.Path(sys.argv[1]).touch()"
        return subprocess.run(
            [sys.executable, "-c", code, str(folder / "made")], cwd=ROOT, check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment, umask=0o022,
            capture_output=True, text=True,
        )  # fmt: skip

    def test_is_private_unless_the_operator_says_otherwise(self, tmp_path: Path) -> None:
        self._made(tmp_path)
        assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600
        (tmp_path / "made").unlink()
        self._made(tmp_path, UNWIND_UMASK="027")
        assert (tmp_path / "made").stat().st_mode & 0o777 == 0o640

    def test_a_wrong_one_is_a_sentence(self, tmp_path: Path) -> None:
        done = self._made(tmp_path, UNWIND_UMASK="public")
        assert done.returncode == 1
        assert done.stderr == "unwind: UNWIND_UMASK is octal, e.g. 027; got public\n"


# Keys under `worker` and `server` in the schemas that the charts publish.
CHART_WORKER = frozenset({
    "affinity", "apiConfig", "autoscaling", "cloudApiConfig", "clusterUid", "config",
    "containerSecurityContext", "extraArgs", "extraContainers", "extraEnvVars",
    "extraEnvVarsCM", "extraEnvVarsCMs", "extraEnvVarsSecret", "extraEnvVarsSecrets",
    "extraVolumeMounts", "extraVolumes", "image", "initContainer", "livenessProbe",
    "nodeSelector", "podAnnotations", "podLabels", "podSecurityContext", "priorityClassName",
    "replicaCount", "resources", "revisionHistoryLimit", "selfHostedCloudApiConfig",
    "serverApiConfig", "tolerations",
})  # fmt: skip
CHART_SERVER = frozenset({
    "affinity", "apiBasePath", "args", "autoscaling", "backgroundServices", "basicAuth",
    "command", "containerSecurityContext", "debug", "deploymentStrategyType", "env",
    "extraArgs", "extraContainers", "extraEnvVarsCM", "extraEnvVarsSecret",
    "extraVolumeMounts", "extraVolumes", "image", "livenessProbe", "loggingLevel",
    "nodeSelector", "podAnnotations", "podLabels", "podSecurityContext", "priorityClassName",
    "readinessProbe", "replicaCount", "resources", "revisionHistoryLimit", "tolerations",
    "uiConfig",
})  # fmt: skip


class TestHelm:
    """Validated, not executed: there is no cluster here."""

    def _values(self, name: str) -> dict[str, Any]:
        return yaml.safe_load((FOLDER / "helm" / f"{name}.yaml").read_text(encoding="utf-8"))

    def test_keys_are_the_charts_own(self) -> None:
        assert set(self._values("worker")["worker"]) <= CHART_WORKER
        assert set(self._values("server")["server"]) <= CHART_SERVER

    def test_worker_serves_the_declared_pool(self) -> None:
        pools = yaml.safe_load((FOLDER / "pools.yaml").read_text(encoding="utf-8"))
        config = self._values("worker")["worker"]["config"]
        pool = pools[config["workPool"]]
        assert pool["type"] == config["type"]

    def test_nothing_may_gain_rights_or_write_its_root(self) -> None:
        for name in ("server", "worker"):
            context = self._values(name)[name]["containerSecurityContext"]
            assert context["readOnlyRootFilesystem"]
            assert not context["allowPrivilegeEscalation"]

    def test_the_server_asks_for_a_login(self) -> None:
        server = self._values("server")["server"]
        assert server["basicAuth"]["enabled"]
        assert server["basicAuth"]["existingSecret"]
        assert self._values("worker")["worker"]["extraEnvVarsSecrets"] == ["unwind-worker-login"]

    def test_no_password_stands_in_the_values(self) -> None:
        for name in ("server", "worker"):
            text = json.dumps(self._values(name)).lower()
            assert "password" not in text
            assert "authstring" not in text
