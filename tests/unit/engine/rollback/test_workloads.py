"""What uses a claim, and what of it may be scaled."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.plan.typed_json import Unreadable
from engine.rollback.workloads import (
    Claim,
    Owner,
    Pod,
    Scalable,
    Unscalable,
    Workload,
    WorkloadKind,
    read_pods,
    read_scalable,
    remembered,
    scale_command,
    scaled_kind,
    workload_of,
)

CLAIM = Claim(namespace="dbaas", name="data-pg-0")
SET = Owner(kind="StatefulSet", group="apps", name="pg")


def owned(kind: str, name: str, version: str = "apps/v1") -> list[dict[str, Any]]:
    mere = {"apiVersion": "v1", "kind": "Node", "name": "n", "controller": False}
    return [mere, {"apiVersion": version, "kind": kind, "name": name, "controller": True}]


def pod(
    name: str,
    claim: str = CLAIM.name,
    *,
    owner: tuple[str, ...] = ("StatefulSet", "pg"),
    phase: str = "Running",
    ephemeral: bool = False,
) -> dict[str, Any]:
    volume: dict[str, Any] = {"name": "data"}
    if ephemeral:
        volume["ephemeral"] = {"volumeClaimTemplate": {}}
    else:
        volume["persistentVolumeClaim"] = {"claimName": claim}
    return {
        "metadata": {"name": name, "ownerReferences": owned(*owner) if owner else []},
        "spec": {"volumes": [{"name": "tmp", "emptyDir": {}}, volume]},
        "status": {"phase": phase},
    }


def listed(*pods: dict[str, Any]) -> bytes:
    return json.dumps({"kind": "List", "items": pods}).encode()


def workload(
    replicas: Any = 3, *, owner: tuple[str, ...] = (), when_scaled: str = "Retain"
) -> bytes:
    document = {
        "metadata": {"name": "x", "ownerReferences": owned(*owner) if owner else []},
        "spec": {
            "replicas": replicas,
            "persistentVolumeClaimRetentionPolicy": {"whenScaled": when_scaled},
        },
    }
    return json.dumps(document).encode()


def test_pods_that_use_the_claim() -> None:
    found = read_pods(
        listed(
            pod("pg-0"),
            pod("other-0", "data-pg-1"),
            pod("done", phase="Succeeded"),
            pod("starts", phase="Pending", owner=()),
        ),
        CLAIM,
    )
    assert found == (Pod(name="pg-0", owner=SET), Pod(name="starts", owner=None))


def test_a_claim_that_goes_with_its_pod_is_never_taken_from_it() -> None:
    """Scaled to nothing, its volume would be deleted."""
    named = Claim(namespace="dbaas", name="pg-0-data")
    with pytest.raises(Unscalable, match="is deleted with it"):
        read_pods(listed(pod("pg-0", ephemeral=True)), named)
    assert read_pods(listed(pod("pg-0", ephemeral=True)), CLAIM) == ()


def test_nor_from_a_set_that_deletes_claims_when_it_is_scaled() -> None:
    found = read_scalable(workload(when_scaled="Delete"))
    with pytest.raises(Unscalable, match="deletes its claims, and their volumes"):
        workload_of(WorkloadKind.STATEFUL_SET, CLAIM, "pg", found)


@pytest.mark.parametrize(
    ("owner", "kind"),
    [
        (("StatefulSet", "pg"), WorkloadKind.STATEFUL_SET),
        (("ReplicaSet", "web-5d4f"), WorkloadKind.REPLICA_SET),
        (("DaemonSet", "agent"), None),
        (("Job", "import", "batch/v1"), None),
        (("Cluster", "pg", "postgresql.cnpg.io/v1"), None),
        (("StatefulSet", "pg", "apps.kruise.io/v1"), None),
        ((), None),
    ],
)
def test_what_keeps_a_pod_running(owner: tuple[str, ...], kind: WorkloadKind | None) -> None:
    (found,) = read_pods(listed(pod("pg-0", owner=owner)), CLAIM)
    if kind is not None:
        assert scaled_kind(found, CLAIM) is kind
        return
    with pytest.raises(Unscalable, match=r"not scaled here|no workload that would start it again"):
        scaled_kind(found, CLAIM)


def test_a_replica_set_is_its_deployments() -> None:
    found = read_scalable(workload(owner=("Deployment", "web")))
    owner = workload_of(WorkloadKind.REPLICA_SET, CLAIM, "web-5d4f", found)
    assert owner == Owner(kind="Deployment", group="apps", name="web")
    for other in ((), ("Rollout", "web", "argoproj.io/v1alpha1")):
        with pytest.raises(Unscalable):
            workload_of(WorkloadKind.REPLICA_SET, CLAIM, "x", read_scalable(workload(owner=other)))


def test_what_an_operator_has_made_is_left_to_it() -> None:
    found = read_scalable(workload(owner=("Prometheus", "main", "monitoring.coreos.com/v1")))
    with pytest.raises(Unscalable, match="whose operator would start it again"):
        workload_of(WorkloadKind.STATEFUL_SET, CLAIM, "prometheus-main", found)


@pytest.mark.parametrize("replicas", [None, "3", True, -1, 1.5])
def test_replicas_that_are_no_number_are_never_remembered(replicas: Any) -> None:
    with pytest.raises(Unreadable, match="how many replicas"):
        read_scalable(workload(replicas))


@pytest.mark.parametrize(
    "output",
    [b"", b"[]", b"{}", b'{"items": 3}', b"\xff", listed({"metadata": {}, "spec": {}})],
)
def test_law_33_an_answer_that_is_none_is_not_nobody(output: bytes) -> None:
    with pytest.raises(Unreadable):
        read_pods(output, CLAIM)


@pytest.mark.parametrize("name", ["-A", "", "a b", "A", "x/../y"])
def test_a_hostile_owner_is_never_typed(name: str) -> None:
    with pytest.raises(Unreadable, match="an owner is called"):
        read_pods(listed(pod("pg-0", owner=("StatefulSet", name))), CLAIM)


def test_what_was_remembered_first_holds() -> None:
    """A rollback that was cut off finds zero replicas: those are its own doing."""
    three = Workload(kind=WorkloadKind.STATEFUL_SET, namespace="dbaas", name="pg", replicas=3)
    none = Workload(kind=WorkloadKind.STATEFUL_SET, namespace="dbaas", name="pg", replicas=0)
    new = Workload(kind=WorkloadKind.DEPLOYMENT, namespace="dbaas", name="web", replicas=1)
    assert remembered((three,), (none, new)) == (new, three)
    found = read_scalable(workload(0))
    assert found == Scalable(replicas=0, owner=None, drops_claims=False)
    assert workload_of(WorkloadKind.STATEFUL_SET, CLAIM, "pg", found) == none


def test_scaling_as_it_is_typed() -> None:
    pg = Workload(kind=WorkloadKind.STATEFUL_SET, namespace="dbaas", name="pg", replicas=3)
    assert b" ".join(scale_command(pg, 0)) == (
        b"scale --namespace dbaas --replicas 0 --request-timeout 20s -- statefulset.apps/pg"
    )
