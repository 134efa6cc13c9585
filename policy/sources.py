"""Sources: live data to be kept, one dataclass and one parser a kind."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypedDict

from policy.destinations import parse_ssh
from policy.diagnostics import Origin
from policy.fields import Fields
from policy.parts import NOWHERE, SshTarget
from policy.patterns import PatternError, parse_component
from policy.values import AbsolutePath


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCommon:
    """What every source has."""

    name: str
    media: str | None
    """None: a medium of its own, unlike any other."""
    site: str | None
    """None: a site of its own."""
    secret: bool
    was: str | None = None
    origin: Origin = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeSource(SourceCommon):
    """A directory tree, routed path by path."""

    path: AbsolutePath
    export: str | None = None
    track: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LvmThinSource(SourceCommon):
    """Thin volumes of one pool, discovered at each run."""

    vg: str
    pool: str
    volumes: str
    kubernetes_names: bool = False


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
class Connect:
    """How to reach a server."""

    host: str | None = None
    port: int | None = None
    socket: AbsolutePath | None = None
    user: str | None = None
    endpoint: str | None = None
    address: str | None = None


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


Source = TreeSource | LvmThinSource | FilesSource | DeviceSource | ServerSource | SqliteSource

_SECRET_BY_DEFAULT = {"files", "etcd", "vault"}


class _Common(TypedDict):
    name: str
    media: str | None
    site: str | None
    secret: bool
    was: str | None
    origin: Origin


def _common(name: str, fields: Fields, origin: Origin) -> _Common:
    secret = fields.boolean("secret")
    return _Common(
        name=name,
        media=fields.text("media"),
        site=fields.text("site"),
        secret=fields.need("kind") in _SECRET_BY_DEFAULT if secret is None else secret,
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
    volumes = fields.need("volumes")
    try:
        parse_component(volumes.encode())
    except PatternError as error:
        fields.findings.error("bad-pattern", f"{volumes!r}: {error}", fields.origin("volumes"))
    return LvmThinSource(
        **common,
        vg=fields.need("vg"),
        pool=fields.need("pool"),
        volumes=volumes,
        kubernetes_names=fields.text("names") == "kubernetes",
    )


def _files(fields: Fields, common: _Common) -> FilesSource:
    return FilesSource(**common, paths=fields.paths("paths"))


def _device(fields: Fields, common: _Common) -> DeviceSource:
    return DeviceSource(**common, ssh=parse_ssh(fields) or SshTarget(account=""))


def _server(fields: Fields, common: _Common) -> ServerSource:
    connect = fields.child("connect")
    assert connect is not None, "the schema requires connect"
    return ServerSource(
        **common,
        server=ServerKind(fields.need("kind")),
        connect=Connect(
            host=connect.text("host"),
            port=connect.integer("port"),
            socket=connect.path("socket"),
            user=connect.text("user"),
            endpoint=connect.text("endpoint"),
            address=connect.text("address"),
        ),
    )


def _sqlite(fields: Fields, common: _Common) -> SqliteSource:
    return SqliteSource(**common, path=fields.need_path("path"), companions=fields.texts("with"))


SOURCE_KINDS: dict[str, Callable[[Fields, _Common], Source]] = {
    "tree": _tree,
    "lvm-thin": _lvm_thin,
    "files": _files,
    "device": _device,
    "sqlite": _sqlite,
    **{kind.value: _server for kind in ServerKind},
}


def parse_source(name: str, fields: Fields, origin: Origin) -> Source:
    """Read one source by its kind."""
    return SOURCE_KINDS[fields.need("kind")](fields, _common(name, fields, origin))
