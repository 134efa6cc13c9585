"""Asking a cluster what uses a claim, and scaling that to nothing and back."""

from __future__ import annotations

import time
from dataclasses import dataclass

from engine.plan.typed_json import Unreadable
from engine.rollback.workloads import (
    Arguments,
    Claim,
    Owner,
    Pod,
    Unscalable,
    Workload,
    WorkloadKind,
    pods_command,
    read_pods,
    read_scalable,
    scale_command,
    scaled_kind,
    workload_command,
    workload_of,
)
from engine.system.host.process import Command, CommandNotStarted, run

_SECONDS = 30.0
_POLL = 2.0
PODS_SECONDS = 300.0
"""What pods get to end: longer than any of their usual grace periods."""


class ClusterFailed(Exception):
    """The cluster did not do, or not say, what it was asked for; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster, as kubectl reaches it."""

    kubeconfig: bytes | None
    """None: as kubectl does by itself."""

    def users(self, claim: Claim) -> tuple[Workload, ...]:
        """The workloads whose pods use a claim. Raises `ClusterFailed`."""
        try:
            found = {self._workload(pod, claim) for pod in self.pods(claim)}
        except Unscalable as error:
            raise ClusterFailed(
                f"{error}; say in the manifest how it is stopped and started (`rollback` of the "
                "source), or stop it by hand"
            ) from None
        return tuple(sorted(found, key=lambda one: one.text))

    def pods(self, claim: Claim) -> tuple[Pod, ...]:
        """The pods that use a claim. Raises `ClusterFailed` and `Unscalable`."""
        said = self._ask(pods_command(claim.namespace))
        try:
            return read_pods(said, claim)
        except Unreadable as error:
            raise ClusterFailed(f"kubectl: {error.problem}") from None

    def scale(self, workload: Workload, replicas: int) -> None:
        """Give a workload so many replicas. Raises `ClusterFailed`."""
        self._ask(scale_command(workload, replicas))

    def wait_until_unused(self, claim: Claim) -> None:
        """Wait until no pod uses a claim any more. Raises `ClusterFailed`."""
        deadline = time.monotonic() + PODS_SECONDS
        while left := self._left(claim):
            if time.monotonic() >= deadline:
                names = ", ".join(one.name for one in left)
                raise ClusterFailed(f"pods that use the claim {claim} do not end: {names}")
            time.sleep(_POLL)

    def _left(self, claim: Claim) -> tuple[Pod, ...]:
        try:
            return self.pods(claim)
        except Unscalable as error:
            raise ClusterFailed(str(error)) from None

    def _workload(self, pod: Pod, claim: Claim) -> Workload:
        kind = scaled_kind(pod, claim)
        assert pod.owner is not None
        found = self._look(kind, claim, pod.owner.name)
        if isinstance(found, Owner):
            found = self._look(WorkloadKind.DEPLOYMENT, claim, found.name)
        assert isinstance(found, Workload)
        return found

    def _look(self, kind: WorkloadKind, claim: Claim, name: str) -> Workload | Owner:
        said = self._ask(workload_command(kind, claim.namespace, name))
        try:
            return workload_of(kind, claim, name, read_scalable(said))
        except Unreadable as error:
            raise ClusterFailed(f"kubectl: {error.problem}") from None

    def _ask(self, words: Arguments) -> bytes:
        chosen = () if self.kubeconfig is None else (b"--kubeconfig", self.kubeconfig)
        try:
            done = run(Command(argv=(b"kubectl", *chosen, *words), timeout=_SECONDS))
        except CommandNotStarted as error:
            raise ClusterFailed(str(error)) from None
        if done.timed_out:
            raise ClusterFailed("kubectl did not end in time")
        if done.code != 0 or not done.whole:
            raise ClusterFailed(f"kubectl: {done.last_words or f'it ended with {done.code}'}")
        return done.stdout
