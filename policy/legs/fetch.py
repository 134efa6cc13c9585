"""`fetch`: output of commands on a device, kept as files."""

from __future__ import annotations

from dataclasses import dataclass, field

from policy.encryption import ENDING, Encryption, parse_encryption
from policy.fields import Fields
from policy.forms import Form, form_of
from policy.legs.common import DEFAULT_SHRINK, CommonFields, LegCommon, parse_to
from policy.nodes import Mapping, Node
from policy.parts import Keep
from policy.values import Percentage, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedFile:
    """A file and the command on the device whose output it holds."""

    name: str
    run: tuple[str, ...]
    form: Form = Form.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLeg(LegCommon):
    """Output of commands on a device."""

    to: Place
    keep: Keep
    files: tuple[FetchedFile, ...]
    max_shrink: Percentage = DEFAULT_SHRINK
    """By what share a file may be smaller than in the generation before."""
    encryption: Encryption | None = field(default=None, metadata={"later": True})

    def kept_as(self, file: FetchedFile) -> str:
        """The name under which a file is kept."""
        return file.name + (ENDING if self.encryption is not None else "")


def parse(fields: Fields, common: CommonFields) -> FetchLeg:
    """Read a fetch leg; files are sorted, since their order in the manifest means nothing."""
    files = [_file(fields, name, node) for name, _, node in fields.entries("files")]
    return FetchLeg(
        **common,
        to=parse_to(fields),
        keep=fields.keep(),
        files=tuple(sorted(files, key=lambda one: one.name)),
        max_shrink=fields.percentage("max_shrink") or DEFAULT_SHRINK,
        encryption=parse_encryption(fields),
    )


def _file(fields: Fields, name: str, node: Node) -> FetchedFile:
    if isinstance(node, Mapping):
        own = Fields(node, fields.findings)
        return FetchedFile(name=name, run=own.texts("run"), form=form_of(name, own.text("parse")))
    child = fields.child("files")
    return FetchedFile(name=name, run=child.texts(name) if child else (), form=form_of(name))
