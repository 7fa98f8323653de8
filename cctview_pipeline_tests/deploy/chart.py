"""What the official chart (1.13.27) makes of deploy/kubernetes/values.yaml, as far as Dagster reads it.

The chart itself is no package that can be installed, so its templates are not in these tests. They were read, and what they put
into the instance's ConfigMap and a code server's variables is put together here from the same values. `python -m
cctview_pipeline_tests.deploy.chart CHART` renders a chart that was fetched (`helm pull dagster/dagster --untar`) and says
whether it is what these functions say; it needs Helm's library (the package `helm-python-sdk`).
"""

import json
import sys
from typing import Any

import yaml

from cctview_pipeline.paths import project_root

FOLDER = project_root() / "deploy" / "kubernetes"
NAMESPACE = "cctview"
KUBERNETES = "1.34"
"""Whose schema is asked."""
CODE_SERVERS = "cctview-dagster-user-deployments"
"""How the chart, installed as `cctview`, names what belongs to them."""


def values() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "values.yaml").read_text())


def instance_yaml(given: dict[str, Any], kubeconfig: str = "") -> dict[str, Any]:
    """dagster.yaml of all pods. kubeconfig: a file, in place of what a pod finds."""
    postgres = given["postgresql"]
    storage = {
        "postgres_db": {
            "username": postgres["postgresqlUsername"],
            "password": {"env": "DAGSTER_PG_PASSWORD"},
            "hostname": postgres["postgresqlHost"],
            "db_name": postgres["postgresqlDatabase"],
            "port": postgres["service"]["port"],
            "params": postgres["postgresqlParams"],
            "scheme": postgres["postgresqlScheme"],
        }
    }
    launcher = given["runLauncher"]["config"]["k8sRunLauncher"]
    run = launcher["runK8sConfig"]
    logs = given["computeLogManager"]["config"]["s3ComputeLogManager"]
    return {
        "run_storage": {"module": "dagster_postgres.run_storage", "class": "PostgresRunStorage", "config": storage},
        "event_log_storage": {"module": "dagster_postgres.event_log", "class": "PostgresEventLogStorage", "config": storage},
        "schedule_storage": {
            "module": "dagster_postgres.schedule_storage",
            "class": "PostgresScheduleStorage",
            "config": storage,
        },
        "scheduler": {"module": "dagster.core.scheduler", "class": "DagsterDaemonScheduler"},
        "run_launcher": {
            "module": "dagster_k8s",
            "class": "K8sRunLauncher",
            "config": {
                **({"kubeconfig_file": kubeconfig} if kubeconfig else {}),
                "load_incluster_config": launcher["loadInclusterConfig"] and not kubeconfig,
                "job_namespace": NAMESPACE,
                "image_pull_policy": launcher["imagePullPolicy"],
                "service_account_name": given["serviceAccount"]["name"],
                "dagster_home": given["global"]["dagsterHome"],
                "instance_config_map": "cctview-dagster-instance",
                "postgres_password_secret": given["global"]["postgresqlSecretName"],
                "run_k8s_config": {
                    "container_config": run["containerConfig"],
                    "pod_spec_config": run["podSpecConfig"],
                    "pod_template_spec_metadata": run["podTemplateSpecMetadata"],
                    "job_spec_config": run["jobSpecConfig"],
                },
            },
        },
        "compute_logs": {
            "module": "dagster_aws.s3.compute_log_manager",
            "class": "S3ComputeLogManager",
            "config": {
                "bucket": logs["bucket"],
                "prefix": logs["prefix"],
                "local_dir": logs["localDir"],
                "skip_empty_files": logs["skipEmptyFiles"],
                "upload_interval": logs["uploadInterval"],
                "verify": True,
            },
        },
        "telemetry": given["telemetry"],
        **given["additionalInstanceConfig"],
    }


def container_context(deployment: dict[str, Any]) -> dict[str, Any]:
    """What a code server says of the runs of its code."""
    return {
        "k8s": {
            "image_pull_policy": deployment["image"]["pullPolicy"],
            "env_config_maps": [f"{CODE_SERVERS}-{deployment['name']}-user-env"],
            "env_secrets": [secret["name"] for secret in deployment["envSecrets"]],
            "volume_mounts": deployment["volumeMounts"],
            "volumes": deployment["volumes"],
            **({"resources": deployment["resources"]} if deployment.get("resources") else {}),
            "namespace": NAMESPACE,
            "service_account_name": f"{CODE_SERVERS}-user-deployments",
            "env": deployment["env"],
            "run_k8s_config": {"pod_spec_config": {"automount_service_account_token": True}},
        }
    }


def rendered(chart: str) -> list[dict[str, Any]]:
    """All that the chart in a folder makes of the values, each taken by Kubernetes' schema."""
    import helm_python
    import kubernetes_validate

    with helm_python.Chart.load(chart) as loaded:
        texts = loaded.render(values=values(), name="cctview", namespace=NAMESPACE)
    found = [each for text in texts.values() for each in yaml.safe_load_all(text) if each]
    for each in found:
        kubernetes_validate.validate(each, KUBERNETES, strict=True)
    return found


def differences(found: list[dict[str, Any]]) -> list[str]:
    """Between what a chart made and what is said here."""
    given = values()
    (told,) = [each["data"]["dagster.yaml"] for each in found if "dagster.yaml" in each.get("data", {})]
    made, ours = yaml.safe_load(told), instance_yaml(given)
    differ = [f"dagster.yaml: {key}" for key in sorted({*made, *ours}) if made.get(key) != ours.get(key)]
    for deployment in given["dagster-user-deployments"]["deployments"]:
        name = f"{CODE_SERVERS}-{deployment['name']}"
        (server,) = [each for each in found if each["kind"] == "Deployment" and each["metadata"]["name"] == name]
        environment = {each["name"]: each.get("value") for each in server["spec"]["template"]["spec"]["containers"][0]["env"]}
        if json.loads(environment["DAGSTER_CONTAINER_CONTEXT"]) != container_context(deployment):
            differ.append(f"{name}: DAGSTER_CONTAINER_CONTEXT")
    return differ


if __name__ == "__main__":
    manifests = rendered(sys.argv[1])
    for manifest in manifests:
        print(manifest["kind"], manifest["metadata"]["name"])
    sys.exit("; ".join(differences(manifests)) or None)
