"""The CronJobs: golden ones of the reference, judged by Kubernetes' schemas and its own types."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from engine.cluster.jobs import jobs_of
from engine.plan.stored import plan_from_json
from renderers.environment import RenderRefused
from renderers.kubernetes import render_jobs
from tests.strategies import REFERENCE, compare_golden, compiled, manifest

IMAGE = "registry.example.net/policyctl:1.0"
GOLDEN = Path(__file__).parents[2] / "golden" / "homelab" / "jobs"
VERSIONS = ("1.27", "1.30", kubernetes_validate.latest_version())
"""From the first one on `timeZone` is for everybody."""
VAULT = {"kind": "sqlite", "path": "/data/db.sqlite3"}
EXPORTED = {"kind": "tree", "path": "/srv/data", "export": "192.0.2.10:/exports/data"}


def reference_files() -> dict[str, bytes]:
    content = yaml.safe_load(REFERENCE.read_text())
    return {one.path: one.content for one in render_jobs(compiled(content)[0].plan, IMAGE)}


def files_of(
    leg: dict[str, Any] | None = None, runner: dict[str, Any] | None = None, **more: Any
) -> dict[str, bytes]:
    base = {"kind": "dump", "from": "vault", "to": "data:/v", "keep": {"last": 2}}
    where = _given({"namespace": "apps", "volume": "apps/claim", **(runner or {})})
    content = manifest(
        **{
            "sources": {"data": EXPORTED, "vault": VAULT},
            "legs": {
                "mirror": {"kind": "mirror", "to": "disk:/"},
                "copy": _given(
                    {
                        **base,
                        "schedule": "02:00",
                        "runner": {"kubernetes": where},
                        **(leg or {}),
                    }
                ),
            },
            **more,
        }
    )
    return {one.path: one.content for one in render_jobs(compiled(content)[0].plan, IMAGE)}


def _given(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if value is not None}


def documents(content: bytes) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(content))


def job(leg: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    (content,) = files_of(leg, **more).values()
    return documents(content)[1]["spec"]


def pod(**more: Any) -> dict[str, Any]:
    found: dict[str, Any] = job(**more)["jobTemplate"]["spec"]["template"]["spec"]
    return found


def test_the_jobs_of_the_reference(update_golden: bool) -> None:
    found = reference_files()
    for path, content in found.items():
        compare_golden(GOLDEN / path, content, update=update_golden)
    there = {str(one.relative_to(GOLDEN)) for one in GOLDEN.rglob("*.yaml")}
    assert there == found.keys()


def test_what_lies_there_until_it_is_encrypted_has_the_room_of_its_node() -> None:
    def state(leg: dict[str, Any] | None) -> dict[str, Any]:
        (found,) = (one for one in pod(leg=leg)["volumes"] if one["name"] == "state")
        return found

    assert state(None) == {"name": "state", "emptyDir": {"sizeLimit": "1Gi"}}
    key = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
    assert state({"encrypt": {"age": [key]}}) == {"name": "state", "emptyDir": {}}


@pytest.mark.parametrize("version", VERSIONS)
def test_law_23_each_job_is_one_that_kubernetes_takes(version: str) -> None:
    found = {
        **reference_files(),
        **files_of({"schedule": ["01:10", "02:20"]}, {"beside": {"app": "x"}, "node": "worker"}),
    }
    for content in found.values():
        for document in documents(content):
            kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.tool("kubectl")
@pytest.mark.parametrize("path", sorted(reference_files()))
def test_kubectl_reads_all_that_is_in_it(path: str) -> None:
    """What its types do not know would be missing in what it writes."""
    version = json.loads(_kubectl("version", "--client", "--output=json"))["clientVersion"]
    if (int(version["major"]), int(re.sub(r"\D", "", version["minor"]))) < (1, 27):
        pytest.skip("this kubectl is older than `timeZone`")
    content = reference_files()[path]
    options = ("label", "--local", "--dry-run=client", "--output=json", "-f", "-", "read=yes")
    said = _kubectl(*options, text=content)
    written, end = json.JSONDecoder().raw_decode(said)
    more = [json.JSONDecoder().raw_decode(said[end:].strip())[0]] if said[end:].strip() else []
    found = [written, *more] if written["kind"] != "List" else written["items"]
    assert [_without_label(one) for one in found] == documents(content)


def _kubectl(*arguments: str, text: bytes = b"") -> str:
    command = [shutil.which("kubectl") or "kubectl", *arguments]
    return subprocess.run(command, input=text, check=True, stdout=subprocess.PIPE).stdout.decode()


def _without_label(document: dict[str, Any]) -> dict[str, Any]:
    """As it was given, without what the types write although it is empty."""
    del document["metadata"]["labels"]["read"]
    empty = ("status", "creationTimestamp")
    return {key: _clean(one) for key, one in document.items() if key not in empty}


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _clean(one) for key, one in value.items() if one is not None and one != {}}
    return [_clean(one) for one in value] if isinstance(value, list) else value


def test_law_23_the_settings_that_mattered() -> None:
    for content in reference_files().values():
        for one in documents(content)[1:]:
            spec = one["spec"]
            assert spec["timeZone"] == "Europe/Sofia"
            assert spec["concurrencyPolicy"] == "Forbid"
            assert spec["startingDeadlineSeconds"] >= 600
            made = spec["jobTemplate"]["spec"]
            assert made["backoffLimit"] == 0
            assert made["activeDeadlineSeconds"] >= 900
            assert "ttlSecondsAfterFinished" not in made
            inside = made["template"]["spec"]
            (container,) = inside["containers"]
            assert inside["restartPolicy"] == "Never"
            assert inside["automountServiceAccountToken"] is False
            assert inside["securityContext"]["runAsNonRoot"]
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }
            assert "/" in container["image"]
            assert container["resources"]["limits"]["memory"]
            assert container["command"][0] == "policyctl"
            assert not {"sh", "-c"} & {*container["command"]}


def test_law_20_each_starts_when_a_timer_would() -> None:
    assert job({"schedule": "Sun 01:15"})["schedule"] == "15 1 * * 0"


def test_law_22_a_secret_stands_there_by_name_alone() -> None:
    reached = {"host": "db.apps", "user": "backup"}
    database: dict[str, Any] = {"kind": "postgresql", "connect": reached}

    def handed(password: dict[str, str] | None) -> dict[str, Any]:
        connect = {**database["connect"], **({"password": password} if password else {})}
        sources = {"data": EXPORTED, "vault": {**database, "connect": connect}}
        return pod(runner={"secret": "of-the-db", "volume": None}, sources=sources)

    def secret_of(found: dict[str, Any]) -> Any:
        volumes = [one["secret"] for one in found["volumes"] if "secret" in one]
        return volumes[0]["items"] if volumes else None

    (convention,) = secret_of(handed(None))
    assert convention == {"key": "password", "path": "password"}
    (file,) = secret_of(handed({"file": "/etc/policyctl/secrets/shop"}))
    assert file["key"] == "shop"
    assert file["path"].startswith("policyctl-")
    assert secret_of(handed({"credential": "shop"})) == [{"key": "shop", "path": "shop"}]
    found = handed({"variable": "SHOP"})
    reference = {"secretKeyRef": {"name": "of-the-db", "key": "SHOP"}}
    assert {"name": "SHOP", "valueFrom": reference} in found["containers"][0]["env"]
    assert secret_of(found) is None


def test_certificates_lie_where_the_source_says() -> None:
    connect = {"endpoint": "https://etcd:2379", "cert": "/pki/client.crt", "key": "/pki/client.key"}
    sources = {"data": EXPORTED, "vault": {"kind": "etcd", "connect": connect}}
    (container,) = pod(runner={"secret": "pki", "volume": None}, sources=sources)["containers"]
    paths = {one["mountPath"]: one.get("subPath") for one in container["volumeMounts"]}
    assert paths["/pki/client.key"] == "client.key"
    assert paths["/pki/client.crt"] == "client.crt"


def test_it_runs_beside_its_claim() -> None:
    (preferred,) = pod()["affinity"]["podAffinity"][
        "preferredDuringSchedulingIgnoredDuringExecution"
    ]
    assert preferred["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"
    affinity = pod(runner={"beside": {"app": "vault"}})["affinity"]["podAffinity"]
    (required,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
    assert required["labelSelector"] == {"matchLabels": {"app": "vault"}}


def test_it_mounts_what_it_reads_and_writes_and_nothing_else() -> None:
    found = pod(runner={"user": 1000})
    (container,) = found["containers"]
    mounts = {one["mountPath"]: one for one in container["volumeMounts"]}
    assert set(mounts) == {
        *("/run/policyctl-plan", "/var/lib/policyctl", "/tmp", "/data", "/srv/data/v"),
    }
    volumes = [one for one in found["volumes"] if "nfs" in one]
    assert volumes[0]["nfs"] == {"server": "192.0.2.10", "path": "/exports/data/v"}
    assert found["securityContext"]["runAsUser"] == 1000
    (content,) = files_of(runner={"user": 1000}).values()
    assert b"install -d -o 1000 -g 1000 -m 0750 /exports/data/v` on 192.0.2.10" in content


FILES = {"data": EXPORTED, "vault": {"kind": "tree", "path": "/data"}}
VERSIONS_LEG = {"kind": "versions", "preserve": ["times", "perms", "hardlinks"]}


def test_root_has_the_capabilities_that_its_leg_needs_and_others_have_none() -> None:
    def capabilities(user: int | None, **leg: Any) -> Any:
        found = pod(leg={**VERSIONS_LEG, **leg}, runner={"user": user}, sources=FILES)
        return found["containers"][0]["securityContext"]["capabilities"]

    assert capabilities(None) == capabilities(1000) == {"drop": ["ALL"]}
    usual = ["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID"]
    assert capabilities(0) == {"drop": ["ALL"], "add": usual}
    # With CAP_SYS_ADMIN no API server takes it, since it may gain no privileges.
    more = capabilities(0, preserve=["owner", "devices", "xattrs"])["add"]
    assert more == sorted([*usual, "MKNOD", "SETFCAP"])


def test_root_that_reads_no_files_of_others_has_no_capability() -> None:
    def capabilities(source: dict[str, Any], leg: dict[str, Any], **runner: Any) -> Any:
        where = {"user": 0, "volume": None, "secret": "s", **runner}
        found = pod(leg=leg, runner=where, sources={"data": EXPORTED, "vault": source})
        return found["containers"][0]["securityContext"]["capabilities"]

    server = {"kind": "postgresql", "connect": {"host": "db.apps"}}
    assert capabilities(DEVICE, FETCH) == {"drop": ["ALL"]}
    assert capabilities(server, {}) == {"drop": ["ALL"]}
    program = {"kind": "command", "run": ["x"], "file": "f"}
    for source, runner in (
        (VAULT, {"volume": "apps/claim"}),
        (program, {"volume": "apps/claim", "at": "/work"}),
        ({"kind": "tree", "path": "/d", "export": "192.0.2.11:/d"}, {}),
    ):
        leg = VERSIONS_LEG if source["kind"] == "tree" else {}
        assert "DAC_READ_SEARCH" in capabilities(source, leg, **runner)["add"]


def test_a_claim_is_written_only_where_sqlite_has_to() -> None:
    for leg, read_only in ((VERSIONS_LEG, True), ({"kind": "sqlite"}, False)):
        found = pod(leg=leg, sources=FILES)
        mounts = {one["mountPath"]: one for one in found["containers"][0]["volumeMounts"]}
        assert mounts["/data"].get("readOnly", False) is read_only
        assert "readOnly" not in mounts["/srv/data/v"]


def test_a_tree_is_read_by_its_export_where_no_claim_is_named() -> None:
    sources = {**FILES, "vault": {**FILES["vault"], "export": "192.0.2.11:/exports/photos"}}
    found = pod(leg=VERSIONS_LEG, runner={"volume": None}, sources=sources)
    (read,) = (one["nfs"] for one in found["volumes"] if one.get("nfs", {}).get("readOnly"))
    assert read == {"server": "192.0.2.11", "path": "/exports/photos", "readOnly": True}


DEVICE = {
    "kind": "device",
    "ssh": "backup@192.0.2.1",
    "key": "/etc/policyctl/router",
    "known_hosts": "/etc/policyctl/router.hosts",
}
FETCH = {"kind": "fetch", "files": {"x": ["cat", "/x"]}}


@pytest.mark.parametrize(("user", "mode"), [(None, 0o444), (0, 0o400)])
def test_a_key_lies_where_the_manifest_names_it_and_ssh_takes_it(
    user: int | None, mode: int
) -> None:
    """ssh refuses a key that is its own account's and open to others; another's may be readable."""
    runner = {"volume": None, "secret": "router", "user": user}
    sources = {"data": EXPORTED, "vault": DEVICE}
    found = pod(leg=FETCH, runner=runner, sources=sources)
    mounts = {
        one["mountPath"]: one["subPath"]
        for one in found["containers"][0]["volumeMounts"]
        if "subPath" in one
    }
    assert mounts == {
        "/etc/policyctl/router": "router",
        "/etc/policyctl/router.hosts": "router.hosts",
    }
    (secret,) = (one["secret"] for one in found["volumes"] if "secret" in one)
    assert (secret["secretName"], secret["defaultMode"]) == ("router", mode)
    (content,) = files_of(leg=FETCH, runner=runner, sources=sources).values()
    assert f"# `defaultMode` counts in decimal: {mode} is {mode:04o} in octal.".encode() in content
    assert not any(path.startswith("/etc/policyctl/") for path in _read_only_folders(found))


def _read_only_folders(pod: dict[str, Any]) -> list[str]:
    """In these nothing else could be mounted."""
    (container,) = pod["containers"]
    return [
        one["mountPath"] + "/"
        for one in container["volumeMounts"]
        if one.get("readOnly") and "subPath" not in one
    ]


def test_nothing_is_mounted_in_what_is_read_only() -> None:
    for content in reference_files().values():
        for document in documents(content)[1:]:
            found = document["spec"]["jobTemplate"]["spec"]["template"]["spec"]
            folders = _read_only_folders(found)
            mounts = [one["mountPath"] for one in found["containers"][0]["volumeMounts"]]
            assert not [one for one in mounts for folder in folders if one.startswith(folder)]


def test_a_node_is_one_of_its_role_and_its_network_only_where_needed() -> None:
    node = {"node": "control-plane", "volume": None}
    connect = {"endpoint": "https://127.0.0.1:2379"}
    sources = {"data": EXPORTED, "vault": {"kind": "etcd", "connect": connect}}
    found = pod(runner={**node, "secret": "pki"}, sources=sources)
    assert found["hostNetwork"]
    assert found["tolerations"][0]["key"] == "node-role.kubernetes.io/control-plane"
    connect["endpoint"] = "https://etcd:2379"
    assert "hostNetwork" not in pod(runner={**node, "secret": "pki"}, sources=sources)


def test_several_lines_are_several_jobs_with_one_plan() -> None:
    (content,) = files_of({"schedule": ["01:10", "02:20"]}).values()
    config, *jobs = documents(content)
    assert [one["metadata"]["name"] for one in jobs] == ["policyctl-copy", "policyctl-copy.2"]
    assert {
        one["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"]
        for one in jobs
    } == {config["metadata"]["name"]}


def test_what_runs_by_hand_is_suspended() -> None:
    assert job({"schedule": None})["suspend"]
    assert "suspend" not in job()


def test_the_plan_in_it_is_about_nothing_else() -> None:
    (content,) = files_of().values()
    found = plan_from_json(documents(content)[0]["data"]["plan.json"])
    assert [one.name for one in found.legs] == ["copy"]
    assert found.legs[0].leg.runner is None
    assert {one.name for one in found.sources} == {"data", "vault"}
    assert (found.destinations, found.tables, found.objectives) == ((), (), ())


def test_an_edit_elsewhere_changes_no_job() -> None:
    other = {"disk": {"path": "/mnt/elsewhere", "media": "hdd", "site": "home"}}
    assert files_of() == files_of(destinations=other)


def test_without_an_image_nothing_is_made() -> None:
    content = yaml.safe_load(REFERENCE.read_text())
    with pytest.raises(RenderRefused, match="nothing says which image 'mysql-full' runs in"):
        render_jobs(compiled(content)[0].plan, "")
    own = f"{IMAGE}@sha256:{'0' * 64}"
    assert pod(runner={"image": own})["containers"][0]["image"] == own


def test_the_gateway_of_a_job_is_one_that_it_reaches() -> None:
    def told(**monitoring: str) -> str | None:
        content = yaml.safe_load(REFERENCE.read_text())
        content["monitoring"] = monitoring
        return jobs_of(compiled(content)[0].plan)[0].plan.monitoring.pushgateway

    assert told(pushgateway="http://127.0.0.1:9091") is None
    assert told(pushgateway="http://push.example.net:9091") == "http://push.example.net:9091"
    cluster = "http://pushgateway.monitoring:9091"
    assert told(pushgateway="http://127.0.0.1:9091", cluster_pushgateway=cluster) == cluster
