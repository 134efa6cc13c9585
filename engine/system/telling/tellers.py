"""Where series are told: a Pushgateway, a folder of node_exporter's textfile collector, or both.

What is told together is a *group*: one leg, one destination, the tracker, or the policy. Telling a
group puts it in place of what was told of it before, so a series that is no more is gone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from engine.alerts.samples import Sample
from engine.plan.model import Plan
from engine.system.host.files import error_sentence, remove_file, write_atomically
from engine.system.host.places import Places

JOB = "policyctl"
SECONDS = 10.0
"""A gateway has this long to answer."""
_READABLE = 0o644


class NotTold(Exception):
    """Somebody could not be told; the message says who, and why."""


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """What is told together."""

    part: str
    """`leg`, `destination`, `drill`, `check`, `tracker` or `policy`; `expected`: since when a check
    is, which jobs in a cluster make, and tell as `check`."""
    name: str = ""

    @property
    def grouping_key(self) -> dict[str, str]:
        """By which labels a gateway keeps it apart from others."""
        return {self.part: self.name} if self.name else {"part": self.part}

    @property
    def file_name(self) -> str:
        """Names have no dots, so no leg's file is ever another thing's."""
        if self.part == "leg":
            return f"policyctl-{self.name}.prom"
        return ".".join(filter(None, ("policyctl", self.part, self.name, "prom")))

    def __str__(self) -> str:
        return f"{self.part} {self.name}" if self.name else f"the {self.part}"


POLICY = Group("policy")
"""Whether what runs is what should: told by each leg."""


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """One place that is told, as data: it can be kept, and compared with another plan's."""

    kind: str
    where: str
    """URL of a gateway, or a folder of the final system."""
    instance: str = ""
    """Which machine's results they are, in a gateway that many share."""


class Teller(Protocol):
    """Somebody who is told."""

    def put(self, group: Group, samples: Iterable[Sample]) -> None:
        """Tell a group, in place of what was told of it before. Raises `NotTold`."""

    def remove(self, group: Group) -> None:
        """Take a group back; that it is not there is fine. Raises `NotTold`."""


def targets_of(plan: Plan, places: Places, *, push_staged: bool = False) -> tuple[Target, ...]:
    """Who is told of this plan's legs.

    Below a root that stands for another machine no gateway is: nothing leaves that root, and a
    trial must not pass for the real thing. `push_staged` is for those who have a gateway to try.
    """
    told = plan.monitoring
    found = []
    if told.pushgateway is not None and (push_staged or not places.staged):
        found.append(Target("pushgateway", told.pushgateway, plan.host))
    if told.textfile is not None:
        found.append(Target("textfile", os.fsdecode(told.textfile.text)))
    return tuple(found)


def teller_for(target: Target, places: Places) -> Teller:
    """Who tells this target."""
    if target.kind == "pushgateway":
        return Pushgateway(target.where, target.instance, SECONDS, adds=places.in_pod)
    root = os.path.abspath(places.root) if places.staged else ""  # noqa: PTH100 - symlinks stay
    return Textfile(Path(root + target.where), places.root)


@dataclass(frozen=True, slots=True)
class Pushgateway:
    """A Prometheus Pushgateway."""

    url: str
    instance: str
    seconds: float
    adds: bool = False
    """Whether what is not told this time stays: a pod knows less of the past than its gateway."""

    def put(self, group: Group, samples: Iterable[Sample]) -> None:
        """Replace the group (PUT), or the series that are told (POST)."""
        from engine.system.host.exposition import push

        self._check()
        try:
            push(self.url, JOB, samples, self._key(group), seconds=self.seconds, add=self.adds)
        except (OSError, HTTPException, ValueError) as error:
            raise NotTold(f"{self.url}: {_sentence(error, self.seconds)}") from error

    def remove(self, group: Group) -> None:
        """Delete the group."""
        from engine.system.host.exposition import delete

        self._check()
        try:
            delete(self.url, JOB, self._key(group), seconds=self.seconds)
        except (OSError, HTTPException, ValueError) as error:
            raise NotTold(f"{self.url}: {_sentence(error, self.seconds)}") from error

    def _key(self, group: Group) -> dict[str, str]:
        return {"instance": self.instance, **group.grouping_key}

    def _check(self) -> None:
        """A password in the URL would show in plans and messages; such a URL is told nothing."""
        parts = urlsplit(self.url)
        if "@" in parts.netloc:
            host = parts.netloc.rpartition("@")[2]
            raise NotTold(f"the Pushgateway at {host}: its URL must not hold a user or password")


@dataclass(frozen=True, slots=True)
class Textfile:
    """A folder that node_exporter's textfile collector reads."""

    folder: Path
    root: Path

    def put(self, group: Group, samples: Iterable[Sample]) -> None:
        """Write the group's file anew, whole or not at all."""
        from engine.system.host.exposition import text_of

        try:
            write_atomically(self._path(group), text_of(samples), _READABLE, root=self.root)
        except OSError as error:
            raise NotTold(self._failed(group, error)) from error

    def remove(self, group: Group) -> None:
        """Remove the group's file."""
        try:
            remove_file(self._path(group), root=self.root)
        except FileNotFoundError:
            return
        except OSError as error:
            raise NotTold(self._failed(group, error)) from error

    def _path(self, group: Group) -> Path:
        return self.folder / group.file_name

    def _failed(self, group: Group, error: OSError) -> str:
        # The name of the file that is written aside says nothing to anybody.
        return f"{self._path(group)}: {error.strerror or error_sentence(error)}"


def _sentence(error: Exception, seconds: float) -> str:
    """What went wrong with a gateway, on one line."""
    if isinstance(error, HTTPError):
        with error:
            said = error.read(500).decode("utf-8", "replace").strip().splitlines()
        return f"it answered {error.code} {error.reason}" + (f": {said[0]}" if said else "")
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, TimeoutError):
        return f"no answer within {seconds:g} s"
    if isinstance(reason, OSError):
        return reason.strerror or str(reason)
    return str(reason) or type(reason).__name__
