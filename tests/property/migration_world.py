"""A small machine whose routes change: real commands on real trees, each of which may be killed.

The model beside it knows nothing of the engine: which leg a path is routed to, and where its copies
belong, is worked out here again. Every version of every file has a content of its own, so that
whatever lies at a destination says which path it is a copy of, and how old it is.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import typer

from engine.promises.chains import Copy
from engine.records.reports import RunReport
from engine.standing.copy_standing import There
from engine.steps.modes import Forced
from engine.system.apply.applied import load_plan
from engine.system.host.places import Places
from engine.system.runs.runner import run_leg, utc_now
from engine.system.state.orphans import OrphanRecord
from engine.system.state.state import open_state
from policyctl import activating, cleaning, migrating, planning, running
from policyctl.boundary import Refused
from policyctl.commands.apply import apply
from policyctl.commands.gc import gc
from policyctl.commands.migrate import migrate
from policyctl.commands.run import run
from policyctl.explaining import reading_records, stand
from policyctl.loading import ask, load_for_question, not_applied_yet
from tests.faults.rounds import started

LOADED = (activating, cleaning, migrating, planning, running)
"""What commands import when they begin: read here once, and not in each process again."""
DIED = -signal.SIGKILL
"""The code of a process that was killed."""
LEGS = ("mirror", "second", "direct", "offsite")
DISK, NAS = b"mnt/disk", b"mnt/nas"
STRANGERS = (DISK + b"/stranger/precious", NAS + b"/stranger", NAS + b"/pve/stranger")
HOSTILE = b"-h[*]\n#"
FILES = (
    b"a/1",
    b"a/sub/2",
    b"a/sub/deep/3",
    b"b/4",
    b"b/sub/5",
    b"c/6",
    b"c/sub/7",
    b"sub/sub/0",
    HOSTILE + b"/ 8\xff\n",
    HOSTILE + b"/[ab]/9",
    HOSTILE + b"/sub/x",
    b"\xfe st?r\\/10",
)
ALWAYS = {b"calm": "mirror", b"calm second": "second", b"calm direct": "direct"}
"""Directories that keep each leg fed."""
KEYS = {
    "a": (b"a",),
    "a/sub": (b"a", b"sub"),
    "b": (b"b",),
    "*/sub": (None, b"sub"),
    "-h[[][*][]]\\n#": (HOSTILE,),
}
"""Routes as the manifest has them, and what they match, name by name; None: any name."""
MANIFEST = """\
version: 1
host: myhost
timezone: UTC
destinations:
  disk: {{path: /mnt/disk, media: hdd, site: home}}
  nas: {{path: /mnt/nas, media: nas, site: away}}
sources:
  data: {{kind: tree, path: /srv/data}}
legs:
  mirror: {{kind: mirror, to: "disk:/", full_every: 30d}}
  second: {{kind: mirror, to: "disk:/{second}", full_every: 30d}}
  direct: {{kind: mirror, to: "nas:/{direct}", full_every: 30d}}
  offsite: {{kind: mirror, from: disk, to: "nas:/{offsite}", full_every: 30d}}
routes:
  /srv/data: mirror
  /srv/data/calm second: second
  /srv/data/calm direct: direct
{routes}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What the manifest says: each key's leg, and where the legs write."""

    routes: Mapping[str, str | None] = field(default_factory=dict)
    """None: routed to `none`."""
    second: str = "second"
    direct: str = "direct"
    offsite: str = "pve"

    @property
    def text(self) -> str:
        """The manifest."""
        legs = {key: leg or '{none: "not wanted"}' for key, leg in self.routes.items()}
        return MANIFEST.format(
            second=self.second,
            direct=self.direct,
            offsite=self.offsite,
            routes="".join(f'  "/srv/data/{key}": {leg}\n' for key, leg in legs.items()),
        )

    def leg_of(self, path: bytes) -> str | None:
        """The leg that a live path is routed to."""
        names = path.split(b"/")
        if names[0] in ALWAYS:
            return ALWAYS[names[0]]
        lines = [
            ([one is not None for one in KEYS[key]], leg)
            for key, leg in self.routes.items()
            if all(want in {None, name} for want, name in zip(KEYS[key], names, strict=False))
        ]
        # At the first name that differs a literal one beats a wildcard; else the longer line.
        return max(lines, key=lambda line: line[0], default=([], "mirror"))[1]

    def wanted(self, path: bytes) -> tuple[bytes, ...]:
        """Where the copies of a live path belong."""
        leg, second = self.leg_of(path), self.second.encode()
        inner = {"mirror": path, "second": second + b"/" + path}.get(leg or "")
        if inner is not None:
            return DISK + b"/" + inner, NAS + b"/" + self.offsite.encode() + b"/" + inner
        return (NAS + b"/" + self.direct.encode() + b"/" + path,) if leg else ()


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """One version of one file; a later one has the greater number."""

    path: bytes
    number: int

    @property
    def content(self) -> bytes:
        """Its bytes, in which a later one is longer: rsync sees that it is another one."""
        return b"%b\0%d\0" % (self.path, self.number) + b"x" * self.number


def version_of(content: bytes) -> Version:
    """The version that a content is, whole. Raises `ValueError`."""
    path, number, _ = content.split(b"\0")
    version = Version(path, int(number))
    if version.content != content:
        raise ValueError(f"a part of {version}")
    return version


def place_of(copy: Copy) -> bytes:
    """Where a copy lies, below the root."""
    return b"/".join((b"mnt", copy.place.encode(), *copy.location.names))


@dataclass
class World:
    """The machine."""

    top: Path
    layout: Layout = field(default_factory=Layout)
    in_force: Layout = field(default_factory=Layout)
    """What is applied; another one than the manifest's where an apply has died too early."""
    cut_off: bool = False
    """Whether the last apply has died."""
    live: dict[bytes, int] = field(default_factory=dict)
    """The newest version of each file of the source."""

    def __post_init__(self) -> None:
        self.root = self.top / "root"
        self.places = Places(root=self.root)
        self.manifest = self.top / "backup-policy.yaml"
        self.log = self.top / "log"
        for name in (*FILES, *(one + b"/0" for one in ALWAYS)):
            self.change(name)
        for name in STRANGERS:
            self._write(name, b"nobody's copy")

    # ── What happens ─────────────────────────────────────────────────────────────────────────

    def change(self, path: bytes) -> None:
        """Write a file of the source anew."""
        self.live[path] = max(self.live.values(), default=0) + 1
        self._write(b"srv/data/" + path, Version(path, self.live[path]).content)

    def apply(self, layout: Layout, *, migrating: bool, dies: int = 0) -> None:
        """Edit the manifest and apply it."""
        self.layout = layout
        self.manifest.write_text(layout.text)

        def work() -> None:
            apply(policy=self.manifest, root=self.root, migrate=migrating, accept_removals=True)

        code = self._do(work, dies)
        # Degraded: something could not be renamed.
        assert code in {0, 6 if migrating else 0, DIED if dies else 0}, self.told
        self.cut_off = code == DIED
        _, compilation = load_for_question(self.manifest, self.root)
        if not not_applied_yet(load_plan(self.root), compilation.plan):
            self.in_force = layout

    def run(self, leg: str, *, dies: int = 0) -> None:
        """Run a leg."""
        code = self._do(lambda: run([leg], root=self.root), dies)
        # An apply that was cut off may leave filters that are not the applied plan's.
        assert code in {0, 5 if self.cut_off else 0, DIED if dies else 0}, self.told

    def migrate(self, *, dies: int = 0) -> None:
        """Rename what can be."""
        code = self._do(lambda: migrate(root=self.root, everything=True), dies)
        assert code in {0, 5, 6, DIED if dies else 0}, self.told

    def gc(self, *, dies: int = 0) -> None:
        """Remove what is verified."""
        code = self._do(lambda: gc(root=self.root, verified=True), dies)
        assert code in {0, 5, 6, DIED if dies else 0}, self.told

    def remove(self, record: OrphanRecord) -> None:
        """Remove an orphan by its name."""
        name = os.fsdecode(record.orphan.place.name)
        assert self._do(lambda: gc([name], root=self.root, remove=True), 0) == 0, self.told

    def full_pass(self, leg: str) -> RunReport:
        """Run a leg so that it looks at everything."""
        plan = load_plan(self.root)
        assert plan is not None
        return run_leg(plan, leg, places=self.places, clock=utc_now, forced=Forced.FULL)

    def _do(self, work: Callable[[], None], dies: int) -> int:
        """Run a command in a process of its own; its exit code, or the signal as a negative one."""

        def command() -> None:
            sys.stdout = sys.stderr = self.log.open("a", buffering=1)
            if dies:
                die_at_a_call(dies)
            try:
                work()
            except typer.Exit as end:
                os._exit(end.exit_code)
            except Refused as why:
                print(why)
                os._exit(5)

        _, status = os.waitpid(started(command, log=self.log), 0)
        return os.waitstatus_to_exitcode(status)

    @property
    def told(self) -> str:
        """What the commands have said lately."""
        return self.log.read_text()[-4000:]

    # ── What there is ────────────────────────────────────────────────────────────────────────

    def copies(self) -> dict[bytes, Version]:
        """All files at the destinations, the engine's and the strangers' aside."""
        found: dict[bytes, Version] = {}
        top = os.fsencode(self.root)
        for above, directories, files in os.walk(top + b"/mnt"):
            directories[:] = [one for one in directories if not one.startswith(b".policyctl-")]
            for path in (above + b"/" + one for one in files):
                name = path.removeprefix(top + b"/")
                with open(path, "rb") as file:  # noqa: PTH123 - bytes
                    content = file.read()
                if name in STRANGERS:
                    assert content == b"nobody's copy", name
                elif b".policyctl-" not in name:
                    found[name] = version_of(content)
        for name in STRANGERS:
            assert os.path.lexists(top + b"/" + name), f"{name!r} is gone"
        return found

    def orphans(self) -> tuple[OrphanRecord, ...]:
        """What is on record."""
        with open_state(self.places.state_file) as state:
            return state.orphans.all()

    def explained(self) -> dict[bytes, tuple[str | None, dict[bytes, There]]]:
        """What `explain --look` says of each live path: its leg, and whether copies are there."""
        policy, compilation = load_for_question(self.manifest, self.root)
        told: dict[bytes, tuple[str | None, dict[bytes, There]]] = {}
        with reading_records(load_plan(self.root), self.root, far=True) as records:
            for path in self.live:
                text = os.fsdecode(b"/srv/data/" + path)
                one = ask(policy, compilation, text, self.root).explanation
                standings = stand(policy, compilation.plan, one, records)
                told[path] = one.leg, {place_of(each.copy): each.look.there for each in standings}
        return told

    def _write(self, name: bytes, content: bytes) -> None:
        path = self.root / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


# ── Dying ────────────────────────────────────────────────────────────────────────────────────


def die_at_a_call(number: int) -> None:
    """Have this process killed at its n-th call in the engine's effects.

    Unlike an instant it is the same one when an example is tried again. What waits for rsync does
    not count, for nobody knows how often it calls: rsync killed half-way is tests/faults' matter.
    """
    calls = 0

    def counted(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        if event in {"call", "c_call"} and frame.f_code.co_filename in _EFFECTS:
            calls += 1
            if calls == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(counted)


_SYSTEM = Path(sys.modules["engine.system.state.state"].__file__ or "").parent
_EFFECTS = frozenset(
    str(one) for one in _SYSTEM.glob("*.py") if one.name not in {"process.py", "progress.py"}
)
