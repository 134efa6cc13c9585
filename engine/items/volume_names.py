"""Names of volumes: which item of a source a volume is. Pure.

With `names: kubernetes` the cluster says it. A persistent volume names an LV where one of its
places is the LV's name, or ends in a slash and that name:

| driver | `csi.volumeHandle` |
|---|---|
| Proxmox | `region/zone/storage/vm-9999-pvc-…` |
| OpenEBS LVM, TopoLVM, csi-driver-lvm | the LV's name |
| others | `group/name` |

and for volumes without a driver, `local.path` and `hostPath.path`, such as `/dev/pve/films`. Only a
bound one counts: what a claim has left belongs to nobody. Where its driver tells the group
(`openebs.io/volgroup`), it must be the source's.

An LV that no claim names, or that two name, has no address. It is never carried by a route that it
matches by chance: it may belong to a namespace that is not kept, and the answer that says so may
be a minute late. Nor is it dropped in silence: each run tells it, until a claim names it or the
manifest does, by a route with the LV's own name (`pvcs:vm-9999-pvc-…`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from engine.plan.typed_json import Unreadable, parse_json

Address = tuple[bytes, ...]
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
"""A name in a cluster (RFC 1123): it becomes the name of a folder here."""
_GROUP_KEY: Final = "openebs.io/volgroup"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundVolume:
    """A persistent volume that a claim has."""

    name: str
    namespace: str
    claim: str
    places: tuple[str, ...]
    """What may name its LV."""
    group: str = ""
    """The volume group, where its driver tells."""

    @property
    def address(self) -> Address:
        """As items of the source are addressed: namespace/claim."""
        return (self.namespace.encode(), self.claim.encode())

    def names(self, volume: str, group: str) -> bool:
        """Whether it is that LV of that group."""
        there = any(one == volume or one.endswith(f"/{volume}") for one in self.places)
        return there and self.group in {"", group}


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedVolume:
    """An LV that has an address."""

    volume: str
    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class UnnamedVolume:
    """An LV that has none, and why."""

    volume: str
    why: str

    @property
    def address(self) -> Address:
        """What a route has to name in full that decides about it."""
        return (self.volume.encode(),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What the volumes of a source are called: each is in one of both, no address twice."""

    named: tuple[NamedVolume, ...]
    unnamed: tuple[UnnamedVolume, ...] = ()


GIVEN_AWAY: Final = "the manifest gives its name, or one below it, to another"
"""Why something that the manifest does not name has no address."""


def given_addresses(
    found: Iterable[bytes], names: Mapping[str, str]
) -> Iterator[tuple[bytes, Address | None]]:
    """Address each as the manifest does, and else by its own name; None: that is given away."""
    given = {name.encode(): tuple(text.encode().split(b"/")) for name, text in names.items()}
    # Also where it would be a folder above: what is kept of items must not lie in others.
    heads = {address[0] for address in given.values()}
    for name in sorted(found):
        yield name, given.get(name, None if name in heads else (name,))


def name_by_lv(volumes: Iterable[str], names: Mapping[str, str]) -> Naming:
    """Name each volume as the manifest does, and else by the LV's own name."""
    named, unnamed = [], []
    for name, address in given_addresses((one.encode() for one in volumes), names):
        if address is None:
            unnamed.append(UnnamedVolume(volume=name.decode(), why=GIVEN_AWAY))
        else:
            named.append(NamedVolume(volume=name.decode(), address=address))
    return Naming(named=tuple(named), unnamed=tuple(unnamed))


def name_by_claim(volumes: Iterable[str], bound: Collection[BoundVolume], group: str) -> Naming:
    """Name each volume by the claim that has it."""
    found = {
        volume: [one for one in bound if one.names(volume, group)] for volume in sorted(volumes)
    }
    uses = Counter(owners[0].address for owners in found.values() if len(owners) == 1)
    named, unnamed = [], []
    for volume, owners in found.items():
        if len(owners) == 1 and uses[owners[0].address] == 1:
            named.append(NamedVolume(volume=volume, address=owners[0].address))
        else:
            unnamed.append(UnnamedVolume(volume=volume, why=_why(owners)))
    return Naming(named=tuple(named), unnamed=tuple(unnamed))


def _why(owners: list[BoundVolume]) -> str:
    if not owners:
        return "no claim of the cluster has it"
    if len(owners) == 1:
        one = owners[0]
        return f"the claim {one.namespace}/{one.claim} seems to have another volume as well"
    names = ", ".join(sorted(one.name for one in owners))
    return f"several persistent volumes seem to be it: {names}"


def is_believable(answer: Naming, before: Naming) -> bool:
    """Whether an answer may take the place of the one before it (law 33).

    Another cluster, or one that shows nothing to this account, answers without an error. Claims
    come and go, but all that were known do not go at once.
    """
    was = {one.volume for one in before.named}
    return not was or not was.isdisjoint(one.volume for one in answer.named)


def read_bound_volumes(output: bytes) -> tuple[BoundVolume, ...]:
    """Read `kubectl get persistentvolumes --output json`. Raises `Unreadable`."""
    try:
        document = parse_json(output.decode())
    except UnicodeDecodeError as error:
        raise Unreadable(f"it is no UTF-8 ({error})") from None
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise Unreadable("it has no list 'items'")
    found = (_bound(one) for one in items)
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.name))


def _bound(value: object) -> BoundVolume | None:
    """One persistent volume; None where no claim has it, or none with a proper name."""
    name = _text(value, "metadata", "name")
    if not name:
        raise Unreadable("an item has no name")
    namespace = _text(value, "spec", "claimRef", "namespace")
    claim = _text(value, "spec", "claimRef", "name")
    proper = _LABEL.fullmatch(namespace) and _LABEL.fullmatch(claim)
    if _text(value, "status", "phase") != "Bound" or not proper:
        return None
    places = (
        _text(value, "spec", "csi", "volumeHandle"),
        _text(value, "spec", "local", "path"),
        _text(value, "spec", "hostPath", "path"),
    )
    return BoundVolume(
        name=name,
        namespace=namespace,
        claim=claim,
        places=tuple(filter(None, places)),
        group=_text(value, "spec", "csi", "volumeAttributes", _GROUP_KEY),
    )


def _text(value: object, *keys: str) -> str:
    """The text that lies there; empty where none does."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
