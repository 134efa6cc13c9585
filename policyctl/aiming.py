"""Where what comes back goes: into a new folder or its old place, and what is refused there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from engine.dumps.loading import word
from engine.explain import explain
from engine.plan.model import Plan, tree_root
from engine.plan.readers import is_elsewhere
from engine.restore.aim import Aim
from engine.runbooks.claims import claimed
from engine.standing.bring_back import NEW_FOLDER
from engine.system.host.file_systems import mounts_below, read_mounts
from engine.system.host.look import below, without_root
from engine.system.host.loops import names_within
from policy.sources import BtrfsSource, DeviceSource, DumpedSource, FilesSource, TreeSource
from policy.values import AbsolutePath, display
from policyctl.asking import Asked, Found
from policyctl.boundary import Refused
from policyctl.restoring import Restoring


def into_folder(work: Restoring, found: Found, to: Path | None, *, anywhere: bool) -> Aim:
    """A new folder. Raises `Refused` where a leg would take or delete what comes there."""
    version = found.choice.chosen
    assert version is not None
    if to is None:
        folder = os.fsencode(Path.cwd()) + b"/" + NEW_FOLDER.removeprefix(b"./")
        folder += version.place.encode()
    else:
        folder = os.path.abspath(os.fsencode(to))  # noqa: PTH100 - symlinks above it stay
    base, name = os.path.split(folder)
    if not name:
        raise Refused("--to names a folder, not the root of everything; nothing was restored")
    aim = Aim(base=base, below=(name,), name=_name(found), alone=to is not None)
    if not anywhere:
        _refuse_there(work, aim)
    _refuse_no_way(folder)
    return aim


def folder_for(work: Restoring, source: str, to: Path | None, *, anywhere: bool) -> bytes:
    """The folder for all items of a source. Raises `Refused` as for one of them."""
    here = Path.cwd() / os.fsdecode(NEW_FOLDER.removeprefix(b"./") + source.encode())
    folder = os.path.abspath(os.fsencode(to if to is not None else here))  # noqa: PTH100 - symlinks stay
    base, name = os.path.split(folder)
    if not name:
        raise Refused("--to names a folder, not the root of everything; nothing was restored")
    if not anywhere:
        _refuse_there(work, Aim(base=base, below=(name,), name=source.encode()))
    _refuse_no_way(folder)
    return folder


def _refuse_no_way(folder: bytes) -> None:
    """Raises `Refused` where the folder cannot be made, or would be another one.

    Nothing above it is made: it is missing where it is mistyped, or its disk is not mounted, and
    what comes back would fill the one below.
    """
    base, shown = os.path.dirname(folder), display(folder)  # noqa: PTH120 - bytes
    if os.path.islink(folder):  # noqa: PTH114 - bytes
        real = word(os.fsdecode(os.path.realpath(folder)))
        raise Refused(
            f"{shown} is a symlink, which is not followed: name where it leads, --to {real}; "
            "nothing was restored"
        )
    if not os.path.lexists(base):
        raise Refused(
            f"{display(base)} is not there, so that {shown} cannot be made in it: is the path "
            f"right, and its disk mounted? If so, type `mkdir -p {word(os.fsdecode(base))}` and "
            "then the same command; nothing was restored"
        )
    if not os.path.isdir(base):  # noqa: PTH112 - bytes
        raise Refused(
            f"{display(base)} is no directory, so that {shown} cannot be made in it: name another "
            "folder with --to DIR; nothing was restored"
        )


def _name(found: Found) -> bytes:
    version = found.choice.chosen
    if found.asked.made and found.asked.subject.names and version is not None:
        return version.location.names[-1]  # what was typed may be the name of a database
    path = found.asked.path.rstrip(b"/")
    last = (path if path[:1] == b"/" else path.partition(b":")[2]).rpartition(b"/")[2]
    return last or found.asked.subject.source.name.encode()


def _refuse_there(work: Restoring, aim: Aim) -> None:
    """Raises `Refused` inside what is copied, and inside copies."""
    real = os.path.realpath(aim.base) + b"/" + b"/".join(aim.below)
    if work.known.at:
        _refuse_beside(work, real)
        return
    for path in dict.fromkeys((real, aim.folder)):
        here = without_root(work.root, path)
        if here == path and work.places.staged:
            continue
        _refuse_copied(work, here, aim.name)
        _refuse_copies(work, here)
    for path in _by_mounts(work, real):
        _refuse_copied(work, path, aim.name, aim.path)
        _refuse_copies(work, path, aim.folder)


def _by_mounts(work: Restoring, path: bytes) -> Iterator[bytes]:
    """The paths that it has in live data and among copies, by whatever mount one gets there.

    Each as the final system has it: a bind mount has names of its own, and is the same directory.
    """
    mounts = read_mounts()
    for place in dict.fromkeys(_spared(work.plan)):
        names = names_within(path, work.places.below_root(place), mounts)
        if names is not None:
            yield place.joined(names).text


def _spared(plan: Plan) -> Iterator[AbsolutePath]:
    for source in plan.sources:
        if isinstance(source, (TreeSource, BtrfsSource)):
            yield source.path
        elif isinstance(source, FilesSource):
            yield from source.paths
    yield from (one.path for one in plan.destinations if one.ssh is None)


def _refuse_beside(work: Restoring, path: bytes) -> None:
    """Of another machine nobody knows what it copies: only the copies themselves are spared."""
    if names_within(path, work.known.at, read_mounts()) is not None:
        raise Refused(
            f"{display(path)} lies among the copies: name another folder with --to DIR, or say "
            "--to DIR --anywhere; nothing was restored"
        )


def _refuse_copied(work: Restoring, folder: bytes, name: bytes, typed: bytes = b"") -> None:
    path = folder.rstrip(b"/") + b"/" + name
    one = explain(work.policy, work.compilation, path, directory=True)
    if one.leg is not None:
        raise Refused(
            f"{_shown(path, typed)} lies in the source {one.source!r}: {one.leg} would copy what "
            "comes back. Nothing was restored. Name another folder with --to DIR, or say "
            "--to DIR --anywhere"
        )


def _refuse_copies(work: Restoring, path: bytes, typed: bytes = b"") -> None:
    here = AbsolutePath(tuple(part for part in path.split(b"/") if part))
    for one in work.plan.destinations:
        if one.ssh is None and one.path.contains(here):
            raise Refused(
                f"{_shown(path, typed)} lies among the copies of {one.name!r}: a run may delete "
                "it, or take it for a copy. Nothing was restored. Name another folder with "
                "--to DIR, or say --to DIR --anywhere"
            )


def _shown(path: bytes, typed: bytes) -> str:
    """A path, and what was typed for it where a mount gives it another name."""
    return (
        f"{display(typed)} is {display(path)} by another mount, which" if typed else display(path)
    )


def _refuse_elsewhere(work: Restoring, asked: Asked) -> None:
    """Raises `Refused` for what only a cluster sees: its path here is another thing, or nothing."""
    source = asked.subject.source
    if not isinstance(source, TreeSource) or not is_elsewhere(work.plan, source):
        return
    claim = claimed(work.plan, source)
    lies = f"on the claim {claim.claim} of the namespace {claim.namespace}" if claim else "there"
    raise Refused(
        f"{display(asked.path)} is seen by the cluster alone, and lies {lies}; nothing of it is on "
        "this host: restore it to a new folder, without --in-place. The page of the runbook "
        f"(`policyctl docs`, runbooks/{source.name}.md) says how it gets there from that; nothing "
        "was changed"
    )


def into_place(work: Restoring, asked: Asked) -> Aim:
    """The path itself. Raises `Refused` where it cannot be renamed, or is no path."""
    path = asked.path
    if asked.inside:
        raise Refused(
            f"--glob brings back a part of {display(path)}, which cannot take its place: "
            "restore to a new folder, without --in-place; nothing was changed"
        )
    if isinstance(asked.subject.source, DeviceSource | DumpedSource):
        raise Refused(
            f"{display(path)} was made of what it is a copy of, and is no path of it: restore it "
            "to a new folder, without --in-place, and load it; nothing was changed"
        )
    _refuse_elsewhere(work, asked)
    root = tree_root(asked.subject.source)
    if isinstance(asked.subject.source, BtrfsSource):
        top = asked.subject.source.path
        inside = tuple(part for part in path.split(b"/") if part)[len(top.names) :]
        root = top.joined(inside[:1])
    if not path.startswith(b"/") or root is None:
        raise Refused(
            f"{display(path)} is no path of this machine while its volume is not mounted: "
            "restore it to a new folder, without --in-place, and copy it to where you have "
            "mounted it; nothing was changed"
        )
    if isinstance(asked.subject.source, FilesSource):
        root = AbsolutePath(())
    names = tuple(part for part in path.split(b"/") if part)[len(root.names) :]
    here = below(work.root, path)
    if not names or os.path.ismount(here):
        raise Refused(
            f"{display(path)} is the root of a source, or a mount point, which cannot be "
            f"renamed: restore what is in it one by one, as {display(path)}/NAME, or all of "
            "it to a new folder, without --in-place; nothing was changed"
        )
    inner = mounts_below(here, read_mounts())
    if inner:
        raise Refused(
            f"{display(inner[0])} is a mount point in {display(path)}, and would be set aside "
            "with it, to be removed some day with all that it holds: unmount it first, or "
            "restore what is beside it one by one; nothing was changed"
        )
    return Aim(base=work.places.below_root(root), below=names[:-1], name=names[-1], in_place=True)
