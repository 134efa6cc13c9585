"""What a job in a cluster sees of the data that it reads and writes. Pure.

Owns what can run there at all. A pod has nothing of the host: a tree reaches it by its export, what
is read on a claim by that claim, a server or device by its address.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.cluster.handed import Handed, handed_for_device, handed_to_check, in_a_job
from engine.cluster.no_job import NoJob, OfThisKind
from engine.plan.model import Plan
from policy.checks import (
    Check,
    CommandCheck,
    FreshnessCheck,
    HttpCheck,
    SnapshotsCheck,
    SqliteIntegrityCheck,
)
from policy.legs import (
    CopyingLeg,
    DumpLeg,
    FetchLeg,
    KeepingLeg,
    Leg,
    MirrorLeg,
    SnapshotLeg,
    VersionsLeg,
)
from policy.model import Policy
from policy.parts import Attribute, KubernetesRunner
from policy.patterns import PathPattern
from policy.sources import (
    CommandSource,
    DeviceSource,
    ServerSource,
    Source,
    SqliteSource,
    TreeSource,
)
from policy.urls import host_of
from policy.values import AbsolutePath

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_NEVER: dict[type[Leg], str] = {
    MirrorLeg: "what a mirror writes to has the lock, the identity and the records of one host",
    SnapshotLeg: "snapshots are made where their pool is",
}
_ROOTS = (Attribute.OWNER, Attribute.DEVICES)
"""What only root can give to a file."""


@dataclass(frozen=True, slots=True, order=True)
class Mount:
    """Something that is mounted in the pod: a claim, or a directory of an NFS server."""

    at: str
    claim: str = ""
    server: str = ""
    path: str = ""
    read_only: bool = False

    def made_for(self, user: int) -> str:
        """What makes a directory that a job writes, on the server that has it."""
        return f"install -d -o {user} -g {user} -m 0750 {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What one job needs."""

    sources: tuple[Source, ...] = ()
    """What it reads, as it finds that."""
    mounts: tuple[Mount, ...] = ()
    handed: tuple[Handed, ...] = ()
    reads_files: bool = False
    """Whether it reads files that others may own, on a claim or in a tree."""
    nodes_network: bool = False
    """Whether it reaches something that listens on its node alone."""
    encrypts: bool = False
    """Whether what it makes lies there in its own directory until it is encrypted."""


def needs_of_leg(leg: Leg, whole: Policy | Plan) -> Needs:
    """What the job of a leg needs; its runner is a cluster. Raises `NoJob`."""
    runner = leg.runner
    assert runner is not None
    if not isinstance(leg, KeepingLeg):
        raise OfThisKind(_NEVER[type(leg)])
    source = whole.source(leg.takes)
    if source is None:
        raise NoJob(f"{leg.takes!r} is no source: what a leg of the host makes is read there")
    if leg.after:
        raise NoJob("it cannot wait for other legs (`after`) there: say when it runs instead")
    if leg.random_delay is not None:
        raise NoJob("a CronJob starts on time, and knows no `random_delay`")
    product = _product(leg, whole)
    read, mounts, handed, near = _read(source, runner, writes=not isinstance(leg, CopyingLeg))
    return Needs(
        sources=(read, *((one,) if (one := whole.source(leg.to.name)) else ())),
        mounts=tuple(sorted({*mounts, product})),
        handed=tuple(sorted({*handed})),
        reads_files=bool(mounts),
        nodes_network=near,
        encrypts=isinstance(leg, DumpLeg | FetchLeg) and leg.encryption is not None,
    )


def lost_without_root(leg: Leg) -> tuple[Attribute, ...]:
    """What a leg is to preserve, and its job cannot: it is not root."""
    if leg.runner is None or not isinstance(leg, VersionsLeg) or leg.runner.user == 0:
        return ()  # of a mirror whoever runs it knows as whom
    return tuple(one for one in leg.preserve if one in _ROOTS)


def needs_of_check(check: Check, whole: Policy | Plan) -> Needs:
    """The same of a check. Raises `NoJob`."""
    runner = check.runner
    assert runner is not None
    handed = handed_to_check(check, runner)
    sources: tuple[Source, ...] = ()
    mounts: tuple[Mount, ...] = ()
    match check:
        case SqliteIntegrityCheck():
            source = whole.source(check.source)
            assert isinstance(source, SqliteSource | TreeSource)
            sources = (source,)
            mounts = tuple(_live(source, runner))
        case FreshnessCheck():
            mounts = tuple(_looked_at(check.path, runner, whole))
        case CommandCheck():
            mounts = tuple(_claim(runner, None))
        case HttpCheck():
            pass
        case SnapshotsCheck():
            raise NoJob("what a destination keeps itself is looked at by the host")
    return Needs(
        sources=sources,
        mounts=tuple(sorted({*mounts})),
        handed=tuple(sorted({*handed})),
        reads_files=bool(mounts),
    )


# ── What is written ──────────────────────────────────────────────────────────────────────────


def _product(leg: KeepingLeg, whole: Policy | Plan) -> Mount:
    """The directory that a leg writes, and nothing else of that tree."""
    tree = whole.source(leg.to.name)
    if not isinstance(tree, TreeSource):
        raise NoJob(f"{leg.to.name!r} is a place of the host: let it write into an exported tree")
    if tree.export is None:
        raise NoJob(f"the tree {tree.name!r} has no `export`, by which a pod could mount it")
    names = tuple(part.encode() for part in leg.to.path.split("/") if part)
    return exported(tree, names, read_only=False)


def exported(tree: TreeSource, names: tuple[bytes, ...], *, read_only: bool) -> Mount:
    """A directory of a tree as the cluster mounts it. Raises `NoJob`."""
    server, separator, path = (tree.export or "").partition(":/")
    if not separator or not server:
        raise NoJob(f"`export` of {tree.name!r} is no SERVER:/PATH: {tree.export!r}")
    root = AbsolutePath(tuple(part.encode() for part in path.split("/") if part))
    return Mount(
        at=_text(tree.path.joined(names)),
        server=server,
        path=_text(root.joined(names)),
        read_only=read_only,
    )


# ── What is read ─────────────────────────────────────────────────────────────────────────────


def _read(
    source: Source, runner: KubernetesRunner, *, writes: bool
) -> tuple[Source, tuple[Mount, ...], list[Handed], bool]:
    """`writes`: whether what reads a tree may have to write beside it, as SQLite has."""
    match source:
        case ServerSource():
            near = _is_near(source, runner)
            found, handed = in_a_job(source, runner)
            return found, (), handed, near
        case DeviceSource():
            return source, (), handed_for_device(source, runner), False
        case SqliteSource() | TreeSource():
            return source, tuple(_live(source, runner, writes=writes)), [], False
        case CommandSource():
            return source, tuple(_claim(runner, None)), [], False
        case _:
            raise NoJob(f"{source.name!r} is found on the host, and by no claim of a cluster")


def _is_near(source: ServerSource, runner: KubernetesRunner) -> bool:
    """Whether a server listens on the node alone. Raises `NoJob`."""
    one = source.connect
    if one.socket is not None or one.account is not None:
        raise NoJob(f"{source.name!r} is reached by a socket or account of the host: name its host")
    url = one.endpoint or one.address
    host = host_of(url) if url is not None else one.host
    if host is None:
        raise NoJob(f"{source.name!r} names no host: a pod has no server of its own")
    if host not in _LOCAL:
        return False
    if runner.node is None:
        raise NoJob(f"{host!r} is the pod itself: name the server's service, or a `node`")
    return True


def _live(
    source: SqliteSource | TreeSource, runner: KubernetesRunner, *, writes: bool = True
) -> Iterator[Mount]:
    """Live data, on a claim or in an exported tree. SQLite writes beside what it reads."""
    path = source.path
    folder = AbsolutePath(path.names[:-1]) if isinstance(source, SqliteSource) else path
    if runner.volume is not None:
        if runner.at is not None and not runner.at.contains(folder):
            raise NoJob(f"its claim is mounted at {runner.at}, and {source.name!r} is not in it")
        yield from (replace(one, read_only=not writes) for one in _claim(runner, folder))
    elif isinstance(source, TreeSource) and source.export is not None:
        yield exported(source, (), read_only=not writes)
    else:
        raise NoJob(f"{source.name!r} lies on no `volume` that its runner names")


def _looked_at(
    pattern: PathPattern, runner: KubernetesRunner, whole: Policy | Plan
) -> Iterator[Mount]:
    """Where a check looks for files."""
    names = []
    for component in pattern.components:
        if component.literal is None:
            break
        names.append(component.literal)
    folder = AbsolutePath(tuple(names))
    if runner.volume is not None:
        yield from _claim(runner, folder)
        return
    for tree in whole.sources:
        if isinstance(tree, TreeSource) and tree.export and tree.path.contains(folder):
            yield exported(tree, folder.names[len(tree.path.names) :], read_only=True)
            return
    raise NoJob("what it looks at lies on no `volume` of its runner, and in no exported tree")


def _claim(runner: KubernetesRunner, default: AbsolutePath | None) -> Iterator[Mount]:
    if runner.volume is None:
        return
    namespace, _, claim = runner.volume.partition("/")
    at = runner.at or default
    if namespace != runner.namespace:
        raise NoJob(f"a pod mounts claims of its own namespace, and {runner.volume!r} is another's")
    if at is None:
        raise NoJob("nothing says where its claim is mounted: add `at` to its runner")
    if not at.names:
        raise NoJob("its claim would be mounted over the whole container: add `at` to its runner")
    yield Mount(at=_text(at), claim=claim)


def _text(path: AbsolutePath) -> str:
    try:
        return path.text.decode()
    except UnicodeDecodeError:
        raise NoJob(f"{path} is no text, and a manifest of Kubernetes cannot hold it") from None
