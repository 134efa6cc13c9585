"""Sources: live data to be kept, one dataclass and one parser a kind."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypedDict

from policy.connect import Connect, parse_connect
from policy.diagnostics import Origin
from policy.fields import Fields
from policy.forms import Form, form_of
from policy.needs import Need, parse_needs
from policy.nodes import Scalar
from policy.parts import NOWHERE, SshTarget, Users
from policy.patterns import PatternError, parse_component
from policy.values import AbsolutePath, parse_absolute_path


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCommon:
    """What every source has."""

    name: str
    media: str | None
    """None: a medium of its own, unlike any other."""
    site: str | None
    """None: a site of its own."""
    secret: bool
    needs: tuple[Need, ...] = field(default=(), metadata={"later": True})
    """What must be at hand before it can be restored."""
    was: str | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeSource(SourceCommon):
    """A directory tree, routed path by path."""

    path: AbsolutePath
    export: str | None = None
    track: bool = False


VOLUME = "{volume}"
"""Stands for a volume's name in the path of its key."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Where the key of an encrypted volume lies: one path, or one for each volume."""

    text: str
    """An absolute path; it may hold `{volume}`."""

    def of(self, volume: str) -> AbsolutePath:
        """The key's path for a volume, by LVM's name for it."""
        return parse_absolute_path(self.text.replace(VOLUME, volume))


def parse_key_file(text: str) -> KeyFile:
    """Read `/etc/policyctl/keys/{volume}.key`."""
    parse_absolute_path(text.replace(VOLUME, "volume"))
    rest = text.replace(VOLUME, "")
    if "{" in rest or "}" in rest:
        raise ValueError(f"{text!r}: the only variable is {VOLUME}")
    return KeyFile(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class LvmThinSource(SourceCommon):
    """Thin volumes of one pool, discovered at each run."""

    vg: str
    pool: str
    volumes: str
    kubernetes_names: bool = False
    kubeconfig: AbsolutePath | None = None
    """How the cluster is reached; None: as kubectl does by itself."""
    given_names: tuple[tuple[str, str], ...] = ()
    """Addresses that the manifest gives to volumes, by the volumes' names."""
    key_file: KeyFile | None = None
    """The key of those that LUKS has encrypted."""
    rollback: Users | None = None
    """Commands around a rollback; None: the cluster is asked, or nobody may use the volume."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BtrfsSource(SourceCommon):
    """Subvolumes directly below a directory of a btrfs, discovered at each run."""

    path: AbsolutePath
    subvolumes: str
    given_names: tuple[tuple[str, str], ...] = ()
    """Addresses that the manifest gives to subvolumes, by the subvolumes' names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesSource(SourceCommon):
    """A list of files and directories, kept with their full paths."""

    paths: tuple[AbsolutePath, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSource(SourceCommon):
    """An appliance that answers over SSH."""

    ssh: SshTarget


class ServerKind(enum.Enum):
    """Servers that make their own dumps."""

    POSTGRESQL = "postgresql"
    MYSQL = "mysql"
    REDIS = "redis"
    ETCD = "etcd"
    VAULT = "vault"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSource(SourceCommon):
    """A database or secret server."""

    server: ServerKind
    connect: Connect


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteSource(SourceCommon):
    """One SQLite database and what belongs to it."""

    path: AbsolutePath
    companions: tuple[str, ...] = ()


RECORD = "contents.json"
"""The name of the record that lies in each dump."""
SUMS = "contents.sha256"
"""The name of the list of sums that lies in one which has folders."""
DIRECTORY = "{directory}"
"""Stands for the directory that a command fills."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSource(SourceCommon):
    """What a program of this machine exports."""

    run: tuple[str, ...]
    file: str | None = None
    """The file that holds what it prints; None: it fills a directory."""
    form: Form = Form.NONE


ItemSource = LvmThinSource | BtrfsSource
"""Sources whose items are found at each run, and snapshotted where they lie."""
DumpedSource = ServerSource | SqliteSource | CommandSource
"""Sources that `dump` legs take."""
Source = TreeSource | ItemSource | FilesSource | DeviceSource | DumpedSource

_SECRET_BY_DEFAULT = {"files", "etcd", "vault"}


class _Common(TypedDict):
    name: str
    media: str | None
    site: str | None
    secret: bool
    needs: tuple[Need, ...]
    was: str | None
    origin: Origin


def _common(name: str, fields: Fields, origin: Origin) -> _Common:
    secret = fields.boolean("secret")
    return _Common(
        name=name,
        media=fields.text("media"),
        site=fields.text("site"),
        secret=fields.need("kind") in _SECRET_BY_DEFAULT if secret is None else secret,
        needs=parse_needs(fields),
        was=fields.text("was"),
        origin=origin,
    )


def _tree(fields: Fields, common: _Common) -> TreeSource:
    return TreeSource(
        **common,
        path=fields.need_path("path"),
        export=fields.text("export"),
        track=bool(fields.boolean("track")),
    )


def _lvm_thin(fields: Fields, common: _Common) -> LvmThinSource:
    kubernetes_names = fields.text("names") == "kubernetes"
    if "kubeconfig" in fields and not kubernetes_names:
        message = "a kubeconfig is for names: kubernetes"
        fields.findings.error("bad-value", message, fields.origin("kubeconfig"))
    luks, users = fields.child("luks"), fields.child("rollback")
    return LvmThinSource(
        **common,
        vg=fields.need("vg"),
        pool=fields.need("pool"),
        volumes=_name_pattern("volumes", fields),
        kubernetes_names=kubernetes_names,
        kubeconfig=fields.path("kubeconfig"),
        given_names=_given_names(fields),
        key_file=luks.parsed("key_file", parse_key_file) if luks is not None else None,
        rollback=_users(users) if users is not None else None,
    )


def _users(fields: Fields) -> Users:
    return Users(stop=fields.hooks("stop"), start=fields.hooks("start"))


def _btrfs(fields: Fields, common: _Common) -> BtrfsSource:
    return BtrfsSource(
        **common,
        path=fields.need_path("path"),
        subvolumes=_name_pattern("subvolumes", fields),
        given_names=_given_names(fields),
    )


def _name_pattern(key: str, fields: Fields) -> str:
    """The pattern of one name, as it stands there; what is none is told."""
    text = fields.need(key)
    try:
        parse_component(text.encode())
    except PatternError as error:
        fields.findings.error("bad-pattern", f"{text!r}: {error}", fields.origin(key))
    return text


def _given_names(fields: Fields) -> tuple[tuple[str, str], ...]:
    """Addresses become folders of copies: none may be another's, nor lie in another's."""
    given: dict[str, str] = {}
    for volume, _, value in fields.entries("names"):
        address = value.text if isinstance(value, Scalar) else ""
        names = address.split("/")
        if {"", ".", ".."} & set(names):
            message = f"{address!r} is no address: write names with a slash between them"
            fields.findings.error("bad-value", message, value.origin)
        for other, taken in given.items():
            shorter, longer = sorted((names, taken.split("/")), key=len)
            if longer[: len(shorter)] == shorter:
                message = f"{address!r} meets {taken!r}, the address of {other}"
                fields.findings.error("bad-value", message, value.origin)
        given[volume] = address
    return tuple(sorted(given.items()))


def _files(fields: Fields, common: _Common) -> FilesSource:
    return FilesSource(**common, paths=fields.paths("paths"))


def _device(fields: Fields, common: _Common) -> DeviceSource:
    return DeviceSource(**common, ssh=fields.ssh() or SshTarget(account=""))


def _server(fields: Fields, common: _Common) -> ServerSource:
    connect = fields.child("connect")
    assert connect is not None, "the schema requires connect"
    kind = ServerKind(fields.need("kind"))
    return ServerSource(**common, server=kind, connect=parse_connect(connect))


def _sqlite(fields: Fields, common: _Common) -> SqliteSource:
    return SqliteSource(**common, path=fields.need_path("path"), companions=fields.texts("with"))


def _command(fields: Fields, common: _Common) -> CommandSource:
    run, file = fields.texts("run"), fields.text("file")
    if (file is None) != any(DIRECTORY in word for word in run):
        said = "names no `file` and has no" if file is None else "names a `file` and has"
        message = f"it {said} {DIRECTORY}: a command either prints one file, or fills a directory"
        fields.findings.error("bad-value", message, fields.origin("run"))
    if (file or "").casefold() in {RECORD, SUMS}:
        message = f"{file} is of the record that lies in each dump: give it another name"
        fields.findings.error("bad-value", message, fields.origin("file"))
    form = form_of(file or "", fields.text("parse"))
    return CommandSource(**common, run=run, file=file, form=form)


SOURCE_KINDS: dict[str, Callable[[Fields, _Common], Source]] = {
    "tree": _tree,
    "lvm-thin": _lvm_thin,
    "btrfs": _btrfs,
    "files": _files,
    "device": _device,
    "sqlite": _sqlite,
    "command": _command,
    **{kind.value: _server for kind in ServerKind},
}


def parse_source(name: str, fields: Fields, origin: Origin) -> Source:
    """Read one source by its kind."""
    return SOURCE_KINDS[fields.need("kind")](fields, _common(name, fields, origin))
