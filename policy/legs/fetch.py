"""`fetch`: output of commands on a device, kept as files."""

from __future__ import annotations

from dataclasses import dataclass

from policy.fields import Fields
from policy.legs.common import CommonFields, LegCommon, parse_to
from policy.nodes import Scalar, Sequence
from policy.parts import Keep
from policy.values import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedFile:
    """A file and the command on the device whose output it holds."""

    name: str
    run: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLeg(LegCommon):
    """Output of commands on a device."""

    to: Place
    keep: Keep
    files: tuple[FetchedFile, ...]


def parse(fields: Fields, common: CommonFields) -> FetchLeg:
    """Read a fetch leg; files are sorted, since their order in the manifest means nothing."""
    files = []
    for name, _, node in fields.entries("files"):
        items = node.items if isinstance(node, Sequence) else []
        run = tuple(item.text for item in items if isinstance(item, Scalar))
        files.append(FetchedFile(name=name, run=run))
    files.sort(key=lambda one: one.name)
    return FetchLeg(**common, to=parse_to(fields), keep=fields.keep(), files=tuple(files))
