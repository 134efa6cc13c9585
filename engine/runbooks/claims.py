"""What to type for what lies on a claim: the host sees none of it, so it is carried there. Pure."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from engine.plan.model import Plan
from engine.plan.readers import is_elsewhere
from engine.runbooks.model import Blank, Code, Section, Step, Text
from policy.sources import Source, SqliteSource, TreeSource

_POD = "policyctl-restore"
_VOLUME = "claim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """Where a source lies that only a cluster sees."""

    namespace: str
    claim: str
    at: bytes
    """Where the jobs mount it, and so the paths of the copies begin."""
    folder: bytes
    """The directory that the source is, or lies in."""
    user: int
    """As whom its files are written: as its jobs read them, or as root where these are nobody."""
    image: str | None
    legs: tuple[str, ...]
    """Whose jobs read it by schedule; what starts by hand is suspended for good."""


def claimed(plan: Plan, source: Source) -> Claimed | None:
    """The claim on which a source lies; None where this host may see it."""
    legs = [one for one in plan.legs if any(feed.reads == source.name for feed in one.feeds)]
    if not isinstance(source, TreeSource | SqliteSource):
        return None
    if isinstance(source, TreeSource) and not is_elsewhere(plan, source):
        return None
    if any(one.leg.runner is None for one in legs):
        return None
    folder = source.path.text
    if isinstance(source, SqliteSource):
        folder = folder.rpartition(b"/")[0] or b"/"
    for leg in legs:
        runner = leg.leg.runner
        if runner is not None and runner.volume is not None:
            namespace, _, claim = runner.volume.partition("/")
            return Claimed(
                namespace=namespace,
                claim=claim,
                at=runner.at.text if runner.at is not None else folder,
                folder=folder,
                user=runner.user or 0,
                image=runner.image,
                legs=tuple(one.name for one in legs if one.leg.schedule),
            )
    return None


def where_claimed(one: Claimed) -> Text:
    """Where it lies, as the end of a sentence."""
    claim, namespace = Code.of(one.claim), Code.of(one.namespace)
    return " on the claim ", claim, " of the namespace ", namespace, ", which only the cluster sees"


def into_claim(one: Claimed) -> Section:
    """How what was restored on this host gets where it belongs."""
    return Section(
        title=f"Into the claim {one.claim}",
        intro=(
            (
                "Nothing of it is on this host: restore into a folder first, as this page says. "
                "From there a pod takes it into the claim.",
            ),
        ),
        steps=(_stopped(one), _mounted(one), _carried(one), _started(one)),
    )


def _stopped(one: Claimed) -> Step:
    workload = Blank(
        name="WORKLOAD", example=b"deployment/NAME", what="what has the claim mounted, by its kind"
    )
    scaled = f'{_kubectl(one)} scale "$WORKLOAD" --replicas 0'
    lines = (scaled, *_suspended(one, "true"))
    text = "Stop what writes there, and keep its jobs from copying a state that is half restored:"
    return Step(text=(text,), blanks=(workload,), lines=lines)


def _mounted(one: Claimed) -> Step:
    known = one.image
    blank = Blank(
        name="IMAGE",
        example=(known or "registry.example.net/policyctl:1.0").encode(),
        what="an image with a shell and tar: that of the jobs has both",
    )
    waited = f"{_kubectl(one)} wait --for condition=Ready pod/{_POD} --timeout 5m"
    made = f"printf %s {_quoted_around_image(pod_of(one))} | {_kubectl(one)} apply --filename -"
    return Step(text=("Mount the claim in a pod:",), blanks=(blank,), lines=(made, waited))


def _carried(one: Claimed) -> Step:
    blanks = (
        Blank(
            name="FOLDER",
            example=b"./restored",
            what="the folder whose content goes into the claim",
        ),
        Blank(name="INTO", example=one.folder, what="the directory in which that content belongs"),
    )
    unpacked = f'{_kubectl(one)} exec --stdin {_POD} -- tar -C "$INTO" -xpf -'
    what: Text = (
        "Carry it there. What lies there under the same names is overwritten: move it aside before "
        "if you may want it. ",
        *_whose(one),
        ":",
    )
    listed = f'{_kubectl(one)} exec {_POD} -- ls -la "$INTO"'
    packed = 'tar -C "$FOLDER" --format posix -cf - .'  # others keep whole seconds alone
    return Step(text=what, blanks=blanks, lines=(f"{packed} | {unpacked}", listed))


def _whose(one: Claimed) -> Text:
    if one.user:
        return (f"It comes to belong to the account {one.user}, as which its jobs run",)
    chown = Code.of(f"kubectl --namespace {one.namespace} exec {_POD} -- chown -R UID:GID")
    return (
        "It keeps its owners; where the copies have none, ",
        chown,
        " gives it to the application",
    )


def _started(one: Claimed) -> Step:
    lines = (
        f"{_kubectl(one)} delete pod {_POD}",
        f'{_kubectl(one)} scale "$WORKLOAD" --replicas 1',
        *_suspended(one, "false"),
    )
    text = (
        "Once it is as it should be, take the pod away, and start all again, with as many replicas "
        "as before:"
    )
    return Step(text=(text,), lines=lines)


def _suspended(one: Claimed, value: str) -> Iterator[str]:
    patch = shlex.quote(json.dumps({"spec": {"suspend": value == "true"}}))
    for leg in one.legs:
        found = f"{_kubectl(one)} get cronjobs --selector policyctl/leg={leg} --output name"
        yield f"{found} | xargs --max-args 1 {_kubectl(one)} patch --patch {patch}"


def _kubectl(one: Claimed) -> str:
    return f"kubectl --namespace {one.namespace}"


_IMAGE_HERE = "IMAGE-HERE"


def pod_of(one: Claimed) -> dict[str, object]:
    """A pod that does nothing but mount the claim; even a closed namespace takes one of no root."""
    closed = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": one.user,
        "runAsGroup": one.user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {
        "name": _POD,
        "image": _IMAGE_HERE,
        "command": ["sleep", "infinity"],
        "securityContext": closed if one.user else {"runAsUser": 0},
        "volumeMounts": [{"name": _VOLUME, "mountPath": one.at.decode("utf-8", "replace")}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _POD, "namespace": one.namespace},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "containers": [container],
            "volumes": [{"name": _VOLUME, "persistentVolumeClaim": {"claimName": one.claim}}],
        },
    }


def _quoted_around_image(pod: dict[str, object]) -> str:
    before, after = json.dumps(pod).split(_IMAGE_HERE)
    return f'{shlex.quote(before)}"$IMAGE"{shlex.quote(after)}'
