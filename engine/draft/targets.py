"""Where the copies of a draft go: disks, shares and accounts that are there already. Pure.

Nothing is a destination for being large. A disk is one where its name says so, where a job writes
to it, or where it is empty; a share and an account on another machine where a job writes to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.draft.jobs import Job
from engine.draft.observation import Machine, Mounted, is_below
from engine.draft.words import writable
from policy.parts import Attribute
from policy.values import display

PLACEHOLDER = b"/mnt/backup"
FOLDER = b"/policyctl"
"""Beside what another job writes, so that neither takes the other's copies for its own old ones."""
_NAMED = re.compile(
    r"backup|back-up|bkp|\bbak\b|sauvegarde|sicherung|respaldo|borg|restic|rsnapshot|timeshift",
    re.IGNORECASE,
)
_FOR_DISKS = (b"/mnt", b"/media", b"/run/media", b"/backup")
SYSTEM = (
    *(b"/boot", b"/usr", b"/var", b"/tmp", b"/etc", b"/root", b"/opt", b"/nix", b"/gnu"),
    *(b"/proc", b"/sys", b"/dev", b"/snap", b"/lib", b"/bin", b"/sbin", b"/run"),
)
"""What is mounted at one of these, or below it, belongs to the system."""
_DATA = frozenset({b"/", b"/home", b"/srv", b"/data", b"/export"})
_NOTHING = frozenset({b"lost+found"})
_FOREIGN = (
    *(Attribute.PERMS, Attribute.OWNER, Attribute.HARDLINKS, Attribute.ACLS, Attribute.XATTRS),
    *(Attribute.DEVICES, Attribute.SYMLINKS),
)
_CANNOT_KEEP: dict[str, tuple[Attribute, ...]] = {
    **dict.fromkeys(("cifs", "smb3", "smbfs"), _FOREIGN),
    **dict.fromkeys(("exfat", "vfat", "ntfs", "ntfs3", "fuseblk"), _FOREIGN),
    **dict.fromkeys(("nfs", "nfs4", "fuse.sshfs", "9p"), (Attribute.OWNER,)),
}
_SITE = "GUESS: the site. In another building? Then say so, and ask for `offsite` below."
_ACCOUNT = re.compile(r"[^@\s:/-][^@\s:/]*@[^@\s/-][^@\s/]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A destination of the draft."""

    name: str
    path: str
    media: str
    cannot_keep: tuple[Attribute, ...] = ()
    account: str = ""
    """user@host; empty where it is on this machine."""
    port: int | None = None
    key: str = ""
    why: tuple[str, ...] = ()
    """What made it one, and what has to be looked at, each a comment."""

    @property
    def is_local(self) -> bool:
        """Whether it is a directory of this machine."""
        return not self.account


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Those that a draft uses, and those that it names only."""

    first: Target
    second: Target | None
    """Takes from the first one, which is on this machine then."""
    left_out: tuple[str, ...]


def choose_targets(machine: Machine) -> Targets:
    """Choose a destination, and one behind it where there is one."""
    left_out: list[str] = []
    mounts = [one for one in machine.mounts if _may_hold_copies(one, left_out)]
    disks = [one for one in mounts if not one.is_far and is_for_copies(one, machine)]
    shares = [one for one in mounts if one.is_far and is_for_copies(one, machine)]
    shares_only = [one for one in mounts if one.is_far and not is_for_copies(one, machine)]
    left_out += [
        f"{display(one.point)} is a share of another machine ({display(one.source)}): nothing says "
        "that it is for copies"
        for one in shares_only
    ]
    by_worth = sorted(disks, key=lambda one: (-_worth(one, machine), -(one.size or 0), one.point))
    local = [_mount_target(one, machine) for one in (*by_worth, *shares)]
    far = list(_accounts(machine))
    local = _apart(local)
    chosen, rest = _chosen(local, far, shares)
    left_out += [f"{_said(one)}: it could be a destination too" for one in rest]
    if not chosen:
        return Targets(first=_placeholder(), second=None, left_out=tuple(left_out))
    first, *second = (_named(one, at) for at, one in enumerate(chosen))
    return Targets(first=first, second=next(iter(second), None), left_out=tuple(left_out))


def local_places(targets: Targets) -> list[bytes]:
    """Where the copies lie on this machine."""
    both = [targets.first, *([targets.second] if targets.second else [])]
    return [one.path.encode() for one in both if one.is_local]


def _chosen(
    local: list[Target], far: list[Target], shares: list[Mounted]
) -> tuple[list[Target], list[Target]]:
    """The first one is on this machine where one is: only from there a second hop can go on."""
    if not local:
        return far[:1], far[1:]
    points = {one.point for one in shares}
    elsewhere = [one for one in local[1:] if _point_of(one, points)]
    behind = [*far, *elsewhere, *(one for one in local[1:] if one not in elsewhere)]
    return [local[0], *behind[:1]], behind[1:]


def _point_of(target: Target, points: set[bytes]) -> bool:
    path = target.path.encode()
    return path in points or path.removesuffix(FOLDER) in points


def _named(target: Target, at: int) -> Target:
    kind = "nas" if target.media == "nas" else "disk"
    return replace(target, name=kind if at == 0 else _second_name(target))


def _second_name(target: Target) -> str:
    return "far" if target.account else "share" if target.media == "nas" else "second-disk"


def _may_hold_copies(one: Mounted, left_out: list[str]) -> bool:
    """Whether copies could be put there at all; that a name cannot be written is told."""
    if is_system(one.point):
        return False
    if writable(one.point) is None:
        left_out.append(f"what is mounted at {display(one.point)}: no manifest can name it")
        return False
    return True


def is_system(point: bytes) -> bool:
    """Whether what is mounted there belongs to the system, or is data by its place."""
    if point in _DATA:
        return True
    return not is_below(point, b"/run/media") and any(is_below(point, one) for one in SYSTEM)


def is_for_copies(one: Mounted, machine: Machine) -> bool:
    """Whether anything says that what is mounted there is for copies."""
    return bool(_worth(one, machine))


def _worth(one: Mounted, machine: Machine) -> int:
    """How sure it is that it is for copies: 0 where nothing says so."""
    if _writers(one, machine):
        return 3
    if _NAMED.search(f"{display(one.point)} {one.label}"):
        return 2
    seen = machine.directory(one.point)
    empty = (
        seen is not None
        and not seen.symlink
        and seen.counted == len(_NOTHING.intersection(seen.entries))
    )
    return 1 if empty and not one.is_far and _for_disks(one.point) else 0


def _for_disks(point: bytes) -> bool:
    return any(is_below(point, one) for one in _FOR_DISKS)


def _writers(one: Mounted, machine: Machine) -> list[Job]:
    """Jobs that write to it, and not to what is mounted deeper; a disk that one reads is data."""
    read = {place.path for job in machine.jobs for place in job.reads if not place.host}
    if any(path and _deepest(path, machine) == one.point for path in read):
        return []
    return [
        job
        for job in machine.jobs
        if job.writes is not None
        and not job.writes.host
        and job.writes.path
        and _deepest(job.writes.path, machine) == one.point
    ]


def _deepest(path: bytes, machine: Machine) -> bytes:
    points = [one.point for one in machine.mounts if is_below(path, one.point)]
    return max(points, key=len, default=b"/")


def _mount_target(one: Mounted, machine: Machine) -> Target:
    writers = _writers(one, machine)
    path = one.point.rstrip(b"/") + FOLDER if writers else one.point
    return Target(
        name="",
        path=path.decode(),
        media="nas" if one.is_far else _medium(one),
        cannot_keep=_CANNOT_KEEP.get(one.kind, ()),
        why=tuple(_mount_words(one, machine, writers)),
    )


def _medium(one: Mounted) -> str:
    return {True: "hdd", False: "ssd", None: "disk"}[one.rotates]


def _mount_words(one: Mounted, machine: Machine, writers: list[Job]) -> Iterator[str]:
    what = {3: "a job writes to it", 2: "its name says so", 1: "it is empty"}[_worth(one, machine)]
    yield f"GUESS: {display(one.source)} ({one.kind}) is for copies: {what}."
    if writers:
        job = writers[0]
        yield (
            f"{display(job.file)}:{job.line} writes there as well; make the folder first, and end "
            "that job once this policy does its work."
        )
    if one.rotates is None and not one.is_far:
        yield "GUESS: the medium. Two copies on media of one name count once for `media` below."
    if one.removable:
        yield "It can be taken out: where it is away for days, add `presence: sometimes`."
    if one.is_far:
        yield _SITE
    if _CANNOT_KEEP.get(one.kind):
        yield f"GUESS: what {one.kind} cannot keep."


def _accounts(machine: Machine) -> Iterator[Target]:
    """Accounts on other machines that rsync writes to now; each machine once."""
    seen: set[str] = set()
    for job in machine.jobs:
        place = job.writes
        if job.program != "rsync" or place is None or not place.host or place.host in seen:
            continue
        account = f"{place.user or 'root'}@{place.host}"
        path = _beside(place.path, place.host, machine)
        if not _ACCOUNT.fullmatch(account) or writable(path) is None:
            continue
        seen.add(place.host)
        yield Target(
            name="",
            path=path.decode(),
            media="nas",
            account=account,
            port=job.port,
            key=writable(job.key) or "",
            cannot_keep=() if account.startswith("root@") else (Attribute.OWNER,),
            why=tuple(_account_words(job, account)),
        )


def _account_words(job: Job, account: str) -> Iterator[str]:
    yield (
        f"{display(job.file)}:{job.line} writes to this machine. GUESS: the folder, beside what "
        "that job writes; make it there first."
    )
    if job.writes is not None and not job.writes.user:
        yield "GUESS: the account, since the job names none."
    if not account.startswith("root@"):
        yield "GUESS: an account that is not root cannot keep owners."
    yield _SITE


def _beside(path: bytes, host: str, machine: Machine) -> bytes:
    """A folder that no job on that machine writes to, as near as can be."""
    theirs = [
        job.writes.path
        for job in machine.jobs
        if job.writes is not None and job.writes.host == host and job.writes.path
    ]
    names = [one for one in path.split(b"/") if one not in {b"", b".", b".."}]
    while names:
        names.pop()
        folder = b"".join(b"/" + one for one in names) + FOLDER
        if not any(is_below(folder, one) or is_below(one, folder) for one in theirs):
            return folder
    return FOLDER


def _apart(targets: list[Target]) -> list[Target]:
    """Those of which none lies in another one."""
    kept: list[Target] = []
    for one in targets:
        path = one.path.encode()
        others = [other.path.encode() for other in kept]
        if not any(is_below(path, other) or is_below(other, path) for other in others):
            kept.append(one)
    return kept


def _said(target: Target) -> str:
    return f"{target.account}:{target.path}" if target.account else target.path


def _placeholder() -> Target:
    why = (
        "GUESS: nothing was found that copies could go to. Put the place where your backup disk is "
        "mounted here; until then apply says that it is missing, and no run writes anything.",
    )
    return Target(name="disk", path=PLACEHOLDER.decode(), media="hdd", why=why)
