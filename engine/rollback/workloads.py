"""What in a cluster uses a claim: pods, and the workloads that are scaled so that they end. Pure.

Only Deployments and StatefulSets that answer to nobody are scaled. What an operator has made it
would start again, and a pod without a workload would not come back. And a claim must outlive its
pods: with `whenScaled: Delete`, and as an ephemeral volume, it goes when they do, and the volume
with it.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from engine.plan.typed_json import Unreadable, parse_json

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_ENDED: Final = frozenset({"Succeeded", "Failed"})
_WAIT: Final = ("--request-timeout", "20s")
Arguments = tuple[bytes, ...]


class Unscalable(Exception):
    """Something uses a claim that must not, or cannot, be scaled; the message says what and why."""


class WorkloadKind(enum.Enum):
    """Workloads that can be scaled to nothing and back, as kubectl takes them."""

    DEPLOYMENT = "deployment.apps"
    REPLICA_SET = "replicaset.apps"
    """Between a Deployment and its pods; never scaled itself."""
    STATEFUL_SET = "statefulset.apps"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Claim:
    """A persistent volume claim."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A workload, and how many replicas it is to have."""

    kind: WorkloadKind
    namespace: str
    name: str
    replicas: int

    @property
    def text(self) -> str:
        """As kubectl takes it: `statefulset.apps/pg`."""
        return f"{self.kind.value}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """What a pod or a workload answers to."""

    kind: str
    group: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod that uses the claim."""

    name: str
    owner: Owner | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalable:
    """What the cluster says of a workload."""

    replicas: int
    owner: Owner | None
    drops_claims: bool
    """Whether it deletes the claims of pods that it is scaled below."""


def pods_command(namespace: str) -> Arguments:
    """List the pods of a namespace."""
    return _words("get", "pods", "--namespace", namespace, "--output", "json", *_WAIT)


def workload_command(kind: WorkloadKind, namespace: str, name: str) -> Arguments:
    """Show one workload."""
    words = ("get", "--namespace", namespace, "--output", "json", *_WAIT)
    return _words(*words, "--", f"{kind.value}/{name}")


def scale_command(workload: Workload, replicas: int) -> Arguments:
    """Give a workload so many replicas."""
    words = ("scale", "--namespace", workload.namespace, "--replicas", str(replicas), *_WAIT)
    return _words(*words, "--", workload.text)


def read_pods(output: bytes, claim: Claim) -> tuple[Pod, ...]:
    """Read which pods use a claim. Raises `Unreadable` and `Unscalable`."""
    found = _listed(output)
    return tuple(sorted((one for one in _using(found, claim)), key=lambda one: one.name))


def _using(pods: Iterable[object], claim: Claim) -> Iterator[Pod]:
    for pod in pods:
        name = _text(pod, "metadata", "name")
        if not name:
            raise Unreadable("a pod has no name")
        volumes = _at(pod, "spec", "volumes")
        for volume in volumes if isinstance(volumes, list) else ():
            if isinstance(_at(volume, "ephemeral"), dict):
                if f"{name}-{_text(volume, 'name')}" == claim.name:
                    raise Unscalable(
                        f"the claim {claim} belongs to the pod {name} and is deleted with it, so "
                        "that pod must not be stopped"
                    )
            elif _text(volume, "persistentVolumeClaim", "claimName") == claim.name:
                if _text(pod, "status", "phase") not in _ENDED:
                    yield Pod(name=name, owner=_owner(pod))
                break


def read_scalable(output: bytes) -> Scalable:
    """Read what the cluster says of a workload. Raises `Unreadable`."""
    found = _document(output)
    replicas = _at(found, "spec", "replicas")
    if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 0:
        raise Unreadable("a workload does not say how many replicas it has")
    policy = _text(found, "spec", "persistentVolumeClaimRetentionPolicy", "whenScaled")
    return Scalable(replicas=replicas, owner=_owner(found), drops_claims=policy == "Delete")


def scaled_kind(pod: Pod, claim: Claim) -> WorkloadKind:
    """Which kind of workload keeps a pod running. Raises `Unscalable`."""
    owner = pod.owner
    if owner is None:
        raise Unscalable(
            f"the pod {claim.namespace}/{pod.name} has no workload that would start it again"
        )
    kinds = {"ReplicaSet": WorkloadKind.REPLICA_SET, "StatefulSet": WorkloadKind.STATEFUL_SET}
    if owner.group != "apps" or owner.kind not in kinds:
        raise Unscalable(
            f"the pod {claim.namespace}/{pod.name} belongs to {owner}, which is not scaled here"
        )
    return kinds[owner.kind]


def workload_of(kind: WorkloadKind, claim: Claim, name: str, found: Scalable) -> Workload | Owner:
    """The workload to be scaled, or the Deployment that a ReplicaSet belongs to.

    Raises `Unscalable`.
    """
    what = f"{kind.value}/{name} in {claim.namespace}"
    if found.drops_claims:
        raise Unscalable(
            f"{what} deletes its claims, and their volumes, when it is scaled "
            "(persistentVolumeClaimRetentionPolicy): it must not be"
        )
    owner = found.owner
    if kind is WorkloadKind.REPLICA_SET and owner is not None:
        if (owner.group, owner.kind) == ("apps", "Deployment"):
            return owner
    elif kind is WorkloadKind.REPLICA_SET:
        raise Unscalable(f"{what} belongs to no Deployment, and is not scaled here")
    if owner is not None:
        raise Unscalable(f"{what} belongs to {owner}, whose operator would start it again")
    return Workload(kind=kind, namespace=claim.namespace, name=name, replicas=found.replicas)


def remembered(before: Iterable[Workload], now: Iterable[Workload]) -> tuple[Workload, ...]:
    """What is to be started again: as it was before anything was scaled, whatever it has now."""
    known = {(one.kind, one.namespace, one.name): one for one in now}
    known |= {(one.kind, one.namespace, one.name): one for one in before}
    return tuple(sorted(known.values(), key=lambda one: (one.namespace, one.text)))


def _owner(value: object) -> Owner | None:
    """What controls it. Raises `Unreadable` where that has no proper name."""
    references = _at(value, "metadata", "ownerReferences")
    for one in references if isinstance(references, list) else ():
        if _at(one, "controller") is True:
            name = _text(one, "name")
            if not _NAME.fullmatch(name):
                raise Unreadable(f"an owner is called {name!r}")
            group = _text(one, "apiVersion").rpartition("/")[0]
            return Owner(kind=_text(one, "kind"), group=group, name=name)
    return None


def _listed(output: bytes) -> list[object]:
    items = _at(_document(output), "items")
    if not isinstance(items, list):
        raise Unreadable("it has no list 'items'")
    return items


def _document(output: bytes) -> object:
    try:
        return parse_json(output.decode())
    except UnicodeDecodeError as error:
        raise Unreadable(f"it is no UTF-8 ({error})") from None


def _at(value: object, *keys: str) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _text(value: object, *keys: str) -> str:
    found = _at(value, *keys)
    return found if isinstance(found, str) else ""


def _words(*words: str) -> Arguments:
    return tuple(one.encode() for one in words)
