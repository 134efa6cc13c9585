"""Machines for drafts: a builder for one, and a strategy for any."""

from __future__ import annotations

from hypothesis import strategies as st

from engine.draft.data import FILES, IMAGES, TREES
from engine.draft.jobs import Job, Place
from engine.draft.observation import (
    DISK_KINDS,
    NETWORK_KINDS,
    Directory,
    Machine,
    Mounted,
    PoolSeen,
    VolumeSeen,
)
from engine.draft.servers import Listening


def directory(path: str, *entries: str, subvolumes: tuple[str, ...] = ()) -> Directory:
    names = tuple(sorted(name.encode() for name in (*entries, *subvolumes)))
    return Directory(
        path=path.encode(),
        entries=names,
        counted=len(names),
        subvolumes=tuple(name.encode() for name in subvolumes),
    )


def disk(point: str, kind: str = "ext4", *, source: str = "/dev/sdb1", label: str = "") -> Mounted:
    return Mounted(
        point=point.encode(), kind=kind, source=source.encode(), size=2**40, used=2**30,
        rotates=True, label=label,
    )  # fmt: skip


def share(point: str, kind: str = "nfs4") -> Mounted:
    return Mounted(point=point.encode(), kind=kind, source=b"nas.example.net:/volume1")


def rsync(reads: str, writes: str, host: str = "", user: str = "", key: str = "") -> Job:
    return Job(
        file=b"/etc/cron.d/backup",
        line=3,
        program="rsync",
        reads=(Place(path=reads.encode()),),
        writes=Place(path=writes.encode(), host=host, user=user),
        key=key.encode(),
        when="0 2 * * *",
    )


def machine(**more: object) -> Machine:
    """A small server with data, and nothing to copy it to."""
    seen = (directory("/srv", "photos", "mail"), directory("/etc", "fstab", "hosts"))
    base = {"host": "server", "timezone": "Europe/Sofia", "directories": seen}
    return Machine(**{**base, **more})  # type: ignore[arg-type]  # fields by name


# ── Any machine ──────────────────────────────────────────────────────────────────────────────

NASTY = [
    *(b"a b", b"#x", b"- x", b"*", b"[ab]", b"?", b"{x}", b"'", b'"', b"\\", b"%h", b"\xff\xfe"),
    *(b"a\nb", b"\x1b[31m", b"\xc3\xa9", "\u2028".encode(), b": ", b"~", b"-", b";", b"$HOME"),
    *(b".snapshots", b"lost+found", b".policyctl-x", b"backup", b"tmp", b"x" * 255, b"{source}"),
]
NAMES = st.one_of(
    st.sampled_from(NASTY),
    st.binary(min_size=1, max_size=12).filter(
        lambda name: not {0, 47} & set(name) and name not in {b".", b".."}
    ),
)
KNOWN = [path for path, _, _ in TREES] + list(FILES) + [path for path, _ in IMAGES]
HEADS = [
    b"/srv",
    b"/home",
    b"/mnt",
    b"/media",
    b"/run/media",
    b"/data",
    b"/var/lib",
    b"",
    b"/mnt/b",
]
PATHS = st.one_of(
    st.sampled_from([*KNOWN, b"/", b"/mnt", b"/mnt/backup", b"/srv/backup"]),
    st.builds(
        lambda head, names: head + b"".join(b"/" + name for name in names),
        st.sampled_from(HEADS),
        st.lists(NAMES, min_size=1, max_size=2),
    ),
)
ENTRIES = st.lists(NAMES, max_size=4, unique=True).map(lambda names: tuple(sorted(names)))


@st.composite
def _directories(draw: st.DrawFn) -> Directory:
    entries = draw(ENTRIES)
    return Directory(
        path=draw(PATHS),
        entries=entries,
        counted=len(entries) + draw(st.sampled_from([0, 0, 900])),
        subvolumes=tuple(name for name in entries if draw(st.booleans())),
        symlink=draw(st.sampled_from([False, False, False, True])),
    )


MOUNTS = st.builds(
    Mounted,
    point=PATHS,
    kind=st.sampled_from(sorted(DISK_KINDS | NETWORK_KINDS)),
    source=st.sampled_from([b"/dev/sda1", b"nas:/x", b"\xff"]),
    size=st.none() | st.integers(0, 2**45),
    used=st.none(),
    rotates=st.sampled_from([None, True, False]),
    removable=st.booleans(),
    label=st.sampled_from(["", "backup", "x\ny"]),
)
PLACES = st.builds(
    Place,
    path=PATHS,
    host=st.sampled_from(["", "", "nas", "nas.example.net", "192.0.2.1", "-x"]),
    user=st.sampled_from(["", "backup", "root"]),
)
JOBS = st.builds(
    Job,
    file=PATHS,
    line=st.integers(1, 99),
    program=st.sampled_from(["rsync", "borg"]),
    reads=st.lists(PLACES, max_size=2).map(tuple),
    writes=st.none() | PLACES,
    key=st.sampled_from([b"", b"/root/.ssh/nas", b"/etc/keys/x", b"/\xff", b"/srv/key"]),
    port=st.sampled_from([None, 22, 2222]),
    when=st.sampled_from(["", "@daily", "\udcff"]),
)
VOLUMES = st.builds(
    VolumeSeen,
    name=st.from_regex(r"[A-Za-z0-9+_.][A-Za-z0-9+_.-]{0,8}", fullmatch=True).filter(
        lambda name: name not in {".", ".."}
    ),
    holds=st.sampled_from(["", "ext4", "xfs", "crypto_LUKS", "LVM2_member"]),
    mounted=st.sampled_from([(), (b"/srv/x",)]),
)
POOLS = st.builds(
    PoolSeen,
    group=st.sampled_from(["pve", "vg+x"]),
    name=st.sampled_from(["data", "Data_2", "thin.pool"]),
    volumes=st.lists(VOLUMES, max_size=4, unique_by=lambda one: one.name).map(tuple),
)


def machines() -> st.SearchStrategy[Machine]:
    """Any machine, as odd as can be."""
    return st.builds(
        Machine,
        host=st.sampled_from([None, "pve", "1.2-x"]),
        timezone=st.sampled_from([None, "Europe/Sofia", "UTC", "America/Santiago", "x/y", "../x"]),
        mounts=st.lists(MOUNTS, max_size=4, unique_by=lambda one: one.point).map(tuple),
        directories=st.lists(_directories(), max_size=5, unique_by=lambda one: one.path).map(tuple),
        pools=st.lists(POOLS, max_size=6, unique_by=lambda one: (one.group, one.name)).map(tuple),
        other_volumes=st.sampled_from([(), ("pve/root",)]),
        listening=st.sampled_from([(), (Listening(server="PostgreSQL", where="[::1]:5432"),)]),
        jobs=st.lists(JOBS, max_size=3).map(tuple),
        not_seen=st.sampled_from([(), ("logical volumes (lvs): no\nsuch thing",)]),
    )
