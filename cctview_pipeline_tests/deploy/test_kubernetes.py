"""deploy/kubernetes: manifests that a cluster's schema takes, values that Dagster takes, and the pod that becomes of a run.

No cluster is here. What is real: Kubernetes' own JSON schemas, kustomize, Dagster with its launcher for Kubernetes, which sends
a run's job to an API of the tests' own.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin

from cctview_pipeline.cli.app import app
from cctview_pipeline.resources.needs import Needs
from cctview_pipeline_tests.deploy.chart import FOLDER, KUBERNETES, NAMESPACE, container_context, instance_yaml, values
from cctview_pipeline_tests.deploy.test_one_machine import command_of
from cctview_pipeline_tests.factories.kubernetes_api import KubernetesApi, kubernetes_api
from cctview_pipeline_tests.factories.postgres_server import postgres_server

SECRET = "a-password-that-stands-in-no-file"


def validated(manifest: dict[str, Any]) -> dict[str, Any]:
    """Raises for what Kubernetes would not take."""
    schemas = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed: manifests are not validated"
    )
    schemas.validate(manifest, KUBERNETES, strict=True)
    return manifest


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    """Of the example, as kustomize makes them."""
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed: kustomize cannot be asked")
    told = subprocess.run(["kubectl", "kustomize", str(FOLDER / "example")], capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(told.stdout))


def one(manifests: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    return next(each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name)


def pods(manifests: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in manifests:
        if each["kind"] in ("Deployment", "StatefulSet"):
            yield each["spec"]["template"]["spec"]


def test_kubernetes_takes_every_manifest(manifests: list[dict[str, Any]]):
    for manifest in manifests:
        validated(manifest)
    assert {each["metadata"].get("namespace") for each in manifests} <= {NAMESPACE, None}


def test_a_collectors_shard_is_its_ordinal(manifests: list[dict[str, Any]]):
    """Numbered from 1, of as many as there are."""
    spec = one(manifests, "StatefulSet", "cctview-collector")["spec"]
    container = spec["template"]["spec"]["containers"][0]
    environment = {each["name"]: each for each in container["env"]}
    assert spec["ordinals"]["start"] == 1
    assert environment["SHARD"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.labels['apps.kubernetes.io/pod-index']"
    assert environment["SHARDS"]["value"] == str(spec["replicas"])
    assert "--shard=$(SHARD)/$(SHARDS)" in container["args"]


def test_a_collectors_spool_is_its_own_and_stays(manifests: list[dict[str, Any]]):
    spec = one(manifests, "StatefulSet", "cctview-collector")["spec"]
    claim = spec["volumeClaimTemplates"][0]["spec"]
    assert claim["accessModes"] == ["ReadWriteOncePod"]
    assert set(spec["persistentVolumeClaimRetentionPolicy"].values()) == {"Retain"}
    budget = next(each for each in spec["template"]["spec"]["containers"][0]["args"] if each.startswith("--budget="))
    assert float(budget.removeprefix("--budget=")) < float(claim["resources"]["requests"]["storage"].removesuffix("Gi"))


def test_what_a_pod_runs_is_a_command(manifests: list[dict[str, Any]]):
    asked = []
    for pod in pods(manifests):
        for container in pod["containers"]:
            words = [word.replace("$(SHARD)/$(SHARDS)", "1/4") for word in [*container["command"], *container["args"]]]
            command, arguments = command_of(words)
            command.make_context(command.name, arguments)
            asked.append(words[1])
    assert sorted(asked) == ["collect", "metrics", "view"]
    assert app


def test_no_pod_may_do_more_than_it_needs(manifests: list[dict[str, Any]]):
    for pod in pods(manifests):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"]
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert {"requests", "limits"} == set(container["resources"])


def test_nothing_is_let_through_that_is_not_named(manifests: list[dict[str, Any]]):
    policies = [each for each in manifests if each["kind"] == "NetworkPolicy"]
    deny = one(manifests, "NetworkPolicy", "deny-by-default")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in policies:
        for rule in policy["spec"].get("ingress", []):
            assert rule["from"], f"{policy['metadata']['name']} lets everybody in"
            assert rule["ports"]
    cameras = one(manifests, "NetworkPolicy", "collectors")["spec"]["egress"][0]["to"][0]["ipBlock"]
    assert {"10.0.0.0/8", "169.254.0.0/16", "192.168.0.0/16"} <= set(cameras["except"])


def test_ports_of_policies_are_those_of_the_chart(manifests: list[dict[str, Any]]):
    """A policy for another port lets nobody in, and nobody is told why."""
    given = values()
    server = given["dagsterWebserver"]
    ui = one(manifests, "NetworkPolicy", "dagster-webserver")["spec"]["ingress"][0]["ports"][0]["port"]
    code = one(manifests, "NetworkPolicy", "code-servers")["spec"]["ingress"][0]["ports"][0]["port"]
    assert ui == server["service"]["port"] == server["readinessProbe"]["httpGet"]["port"]
    assert {each["port"] for each in given["dagster-user-deployments"]["deployments"]} == {code}


def test_secrets_are_named_and_never_told(manifests: list[dict[str, Any]]):
    assert not [each for each in manifests if each["kind"] == "Secret"]
    texts = [path.read_text() for path in FOLDER.rglob("*.yaml")]
    given = re.compile(r"^\s*-?\s*\"?(\w*(?:password|secret_access_key|token)\w*)\"?:\s*[\"']?(?!true|false)(\w.*)$", re.I | re.M)
    assert not [found for text in texts for found in given.findall(text) if not found[0].startswith(("automount", "generate"))]


@pytest.fixture
def api(tmp_path: Path) -> Iterator[KubernetesApi]:
    pytest.importorskip("dagster_k8s", reason="the extra `kubernetes` is not installed: no run becomes a pod")
    with kubernetes_api(tmp_path) as found:
        yield found


@pytest.fixture
def instance(tmp_path: Path, api: KubernetesApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """As the chart configures it, on a PostgreSQL of the tests' own."""
    given = values()
    with postgres_server() as server:
        given["postgresql"] |= {
            "postgresqlHost": server["DAGSTER_PG_HOST"],
            "postgresqlUsername": server["DAGSTER_PG_USERNAME"],
            "postgresqlDatabase": server["DAGSTER_PG_DB"],
            "postgresqlParams": {"sslmode": "disable"},
            "service": {"port": int(server["DAGSTER_PG_PORT"])},
        }
        monkeypatch.setenv("DAGSTER_PG_PASSWORD", SECRET)
        (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(instance_yaml(given, str(api.kubeconfig))))
        with dg.DagsterInstance.from_config(str(tmp_path)) as found:
            yield found


@dg.job
def vision() -> None:
    """Any job: its pod is what matters."""


def launched(instance: dg.DagsterInstance, api: KubernetesApi, tags: dict[str, str]) -> dict[str, Any]:
    """The Kubernetes job of a run, as the API was sent it."""
    given = values()
    deployment = given["dagster-user-deployments"]["deployments"][0]
    context = container_context(deployment)
    image = f"{deployment['image']['repository']}:{deployment['image']['tag']}"
    repository = RepositoryPythonOrigin(
        executable_path="python",
        code_pointer=ModuleCodePointer("cctview_pipeline.definitions", "defs"),
        container_image=image,
        container_context=context,
        entry_point=["dagster"],
    )
    run = instance.create_run_for_job(vision, job_code_origin=JobPythonOrigin(vision.name, repository), tags=tags)
    instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))  # type: ignore[arg-type]
    return api.jobs[-1]


def test_a_run_is_a_pod_of_its_own(instance: dg.DagsterInstance, api: KubernetesApi):
    """All that a pod is given is asked of one run, since a database is started for it."""
    job = validated(launched(instance, api, {}))
    pod, given = job["spec"]["template"]["spec"], values()
    container = pod["containers"][0]
    granted = given["runLauncher"]["config"]["k8sRunLauncher"]["runK8sConfig"]["containerConfig"]["resources"]

    assert container["resources"] == granted, "what the launcher grants, and not what the code server has"
    assert container["args"][:3] == ["dagster", "api", "execute_run"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert job["spec"]["backoffLimit"] == 0, "retries are Dagster's"
    assert {each["mountPath"] for each in container["volumeMounts"]} >= {"/tmp"}
    assert {"name": "CCTVIEW_LAKE", "value": "s3://cctview-lake/district-1"} in container["env"]
    assert {"secretRef": {"name": "cctview-s3"}} in container["envFrom"]
    labels = job["spec"]["template"]["metadata"]["labels"]
    runs = yaml.safe_load_all((FOLDER / "base" / "network-policy.yaml").read_text())
    wanted = next(each for each in runs if each["metadata"]["name"] == "runs")["spec"]["podSelector"]["matchLabels"]
    assert wanted.items() <= labels.items(), "the network policy knows it"
    assert SECRET not in json.dumps(api.jobs)
    assert instance.run_retries_enabled
    assert not instance.run_retries_retry_on_asset_or_op_failure
    assert instance.run_monitoring_max_runtime_seconds == 4 * 3600

    needs = Needs(cpus=4, gpus=0.5, memory_gib=8)
    with_gpu = validated(launched(instance, api, needs.tags()))["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert with_gpu["limits"] == with_gpu["requests"] == {"cpu": "4000m", "memory": "8192Mi", "nvidia.com/gpu": "1"}
