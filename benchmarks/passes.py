"""A hundred changed files among very many: policyctl beside bare rsync, restic and borg."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measuring import Fact, at_least, at_most, forget_caches, medians, seconds_of
from benchmarks.trees import CHECKOUT, Laboratory, file_name, make_files

CHANGED = 100
LARGE = 1_000_000
"""Files from which on the fraction of a second that every run takes to start is not seen."""
_BARE = [
    "rsync", "-rltpogH", "--modify-window=-1", "--numeric-ids", "--partial-dir=.policyctl-partial",
]  # fmt: skip
"""The flags of a mirror, without anything that guards."""


@dataclass
class Passes:
    """A tree of so many files, with copies by policyctl and by bare rsync."""

    folder: Path
    count: int
    ssh: str = ""
    """The keys of a destination on another machine."""
    connection: tuple[str, ...] = ()
    """What bare rsync needs to reach that machine."""
    account: str = ""
    lab: Laboratory = field(init=False)

    def __post_init__(self) -> None:
        self.lab = Laboratory(root=self.folder / f"passes-{self.count}", ssh=self.ssh)
        self.bare = self.folder / f"bare-{self.count}"
        self.listed = self.folder / f"list-{self.count}"
        self.choose = random.Random(self.count)
        make_files(self.lab.source, self.count)
        self.bare.mkdir()
        apply = self.lab.command("apply", "--policy", str(self.lab.policy))
        seconds_of(apply, directory=CHECKOUT)

    def change(self) -> None:
        """Write a hundred files anew."""
        chosen = [file_name(at) for at in self.choose.sample(range(self.count), CHANGED)]
        for name in chosen:
            (self.lab.source / name).write_bytes(self.choose.randbytes(1000))
        self.listed.write_bytes(b"".join(os.fsencode(name) + b"\0" for name in chosen))

    def ours(self, *options: str) -> float:
        """One run of the leg."""
        return seconds_of(self.lab.command("run", "nightly", *options), directory=CHECKOUT)

    def ours_changed(self) -> float:
        """A run after a hundred changes."""
        self.change()
        return self.ours()

    def bare_listed(self) -> float:
        """The same changes, by a list that somebody else has made."""
        options = ["--from0", f"--files-from={self.listed}"]
        return self._bare(options)

    def bare_full(self) -> float:
        """A pass over everything, with the leg's filter."""
        root = Path("/") if self.ssh else self.lab.root
        rules = root / "var/lib/policyctl/filters/nightly.data.rules"
        return self._bare(["--no-inc-recursive", "--delete", f"--filter=merge {rules}"])

    def _bare(self, options: list[str]) -> float:
        target = f"{self.account}:{self.bare}/" if self.account else f"{self.bare}/"
        return seconds_of([*_BARE, *self.connection, *options, f"{self.lab.source}/", target])

    def remove(self) -> None:
        """Remove all of it."""
        for done in (self.lab.root, self.bare):
            shutil.rmtree(done)

    def ours_deleting(self) -> float:
        """A full pass that has something to delete."""
        gone = self.choose.randrange(self.count)
        (self.lab.source / file_name(gone)).unlink(missing_ok=True)
        return self.ours("--full")


def measure_passes(folder: Path, count: int, runs: int, *, peers: bool) -> list[Fact]:
    """Time passes over a tree of so many files."""
    passes = Passes(folder, count)
    facts = time_passes(passes, runs)
    if peers:
        facts += _peers(folder, passes, runs)
    passes.remove()
    return facts


def time_passes(passes: Passes, runs: int) -> list[Fact]:
    """Time incremental and full passes beside those of a bare rsync."""
    count = passes.count
    with passes.lab.tracker():
        passes.ours()
        passes.bare_full()
        changed, listed = medians(runs, passes.ours_changed, passes.bare_listed)
        passes.ours()
        cold = _cold(runs, passes)
        full, bare = medians(runs, lambda: passes.ours("--full"), passes.bare_full)
        deleting, bare_deleting = medians(runs, passes.ours_deleting, passes.bare_full)
    what = f"{CHANGED} changed of {count:,} files"
    return [
        Fact(what=f"{what}: `policyctl run`", figure=f"{changed:.2f} s"),
        Fact(what=f"{what}: bare `rsync --files-from`", figure=f"{listed:.2f} s"),
        at_most(f"{what}: above the bare one", changed - listed, 0.4, " s"),
        Fact(what=f"{what}: bare full pass, warm", figure=f"{bare:.2f} s"),
        _ratio(passes, f"{what}: bare full pass over ours, warm", bare / changed),
        *_cold_facts(what, cold),
        *_full_facts(count, full, bare, deleting / bare_deleting),
    ]


def _ratio(passes: Passes, what: str, ratio: float) -> Fact:
    """How much a pass of what changed saves; over SSH connecting alone takes a quarter second."""
    if passes.ssh and passes.count < LARGE:
        return Fact(what=what, figure=f"{ratio:.2f}")
    return at_least(what, ratio, 4.0)


def _full_facts(count: int, full: float, bare: float, deleting: float) -> list[Fact]:
    """Full passes over bare ones: below `LARGE` its start alone is a share that is seen."""
    whole = f"full pass over {count:,} files"
    quiet, busy = f"{whole}, over bare", f"{whole}, with deletions, over bare"
    above = Fact(what=f"{whole}: above the bare one", figure=f"{full - bare:.2f} s")
    if count < LARGE:
        return [
            above,
            Fact(what=quiet, figure=f"{full / bare:.2f}"),
            Fact(what=busy, figure=f"{deleting:.2f}"),
        ]
    return [above, at_most(quiet, full / bare, 1.05), at_most(busy, deleting, 2.1)]


def _cold(runs: int, passes: Passes) -> tuple[float, float] | None:
    """An incremental run and a bare full pass with nothing in the caches; None where they stay."""
    if os.geteuid() != 0:
        return None

    def forgotten(measure: Callable[[], float]) -> Callable[[], float]:
        def measured() -> float:
            forget_caches()
            return measure()

        return measured

    try:
        changed, bare = medians(
            min(runs, 3), forgotten(passes.ours_changed), forgotten(passes.bare_full)
        )
    except OSError:
        return None
    return changed, bare


def _cold_facts(what: str, cold: tuple[float, float] | None) -> list[Fact]:
    """What was measured with cold caches."""
    if cold is None:
        return [Fact(what=f"{what}: cold", figure="caches cannot be dropped here")]
    changed, bare = cold
    return [
        Fact(what=f"{what}: `policyctl run`, cold", figure=f"{changed:.2f} s"),
        Fact(what=f"{what}: bare full pass, cold", figure=f"{bare:.2f} s"),
        at_least(f"{what}: bare full pass over ours, cold", bare / changed, 4.0),
    ]


def _peers(folder: Path, passes: Passes, runs: int) -> list[Fact]:
    """The same change taken by others, which keep history: no race, a place to stand by."""
    environment = {
        **os.environ,
        "RESTIC_PASSWORD": "bench",
        "BORG_PASSPHRASE": "bench",
        "RESTIC_CACHE_DIR": str(folder / "restic-cache"),
        "BORG_BASE_DIR": str(folder / "borg-base"),
    }
    facts = []
    for name, (first, again) in _PEERS.items():
        if shutil.which(name) is None:
            facts.append(Fact(what=f"{name}: the same change", figure="not installed"))
            continue
        peer = _Peer(passes, again, folder / f"{name}-repository", environment)
        peer.call(first)
        peer.call(again)
        (seconds,) = medians(runs, peer.changed)
        facts.append(Fact(what=f"{name}: the same change, warm", figure=f"{seconds:.2f} s"))
        shutil.rmtree(peer.repository)
    return facts


@dataclass
class _Peer:
    passes: Passes
    again: list[str]
    repository: Path
    environment: dict[str, str]

    def call(self, command: list[str]) -> float:
        fill = {"repo": self.repository, "source": self.passes.lab.source}
        argv = [word.format(**fill, number=random.getrandbits(48)) for word in command]
        return seconds_of(argv, environment=self.environment)

    def changed(self) -> float:
        self.passes.change()
        return self.call(self.again)


_PEERS = {
    "restic": (
        ["restic", "-q", "-r", "{repo}", "init"],
        ["restic", "-q", "-r", "{repo}", "backup", "{source}"],
    ),
    "borg": (
        ["borg", "init", "-e", "repokey", "{repo}"],
        ["borg", "create", "{repo}::{number}", "{source}"],
    ),
}
