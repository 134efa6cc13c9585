"""What `restore` has found, what it would do, and doing it."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.compile import Compilation
from engine.explain import Explanation, Subject, explain, find_subject
from engine.plan.model import tree_root
from engine.promises.chains import Copy
from engine.restore.aim import Aim, request_of, restore_steps
from engine.restore.choice import choose
from engine.restore.fetch import fetch_of
from engine.restore.versions import Kind, Version
from engine.rsync.filters import FilterError
from engine.standing.bring_back import NEW_FOLDER, holds_files
from engine.system.host.file_systems import mounts_below, read_mounts
from engine.system.host.look import absolute_subject, below, is_directory, without_root
from engine.system.host.places import Places
from engine.system.restore.browse import entries_of
from engine.system.restore.entries import CannotLook
from engine.system.restore.items import ITEMS_DEEP
from engine.system.restore.search import Known, find_versions
from engine.system.state.state import State
from policy.model import Policy
from policy.patterns import Component, PatternError
from policy.sources import BtrfsSource, DeviceSource, DumpedSource, FilesSource, LvmThinSource
from policy.values import AbsolutePath, display
from policyctl.asking import Asked, Beside, Found, Proposal, Wish, made_by, pattern_parts
from policyctl.boundary import Refused
from policyctl.forewarning import notes_of, refuse_parts, refuse_unknown, without


class Restoring:
    """A plan, and what its copies hold."""

    def __init__(
        self,
        policy: Policy,
        compilation: Compilation,
        root: Path,
        *,
        state: State | None = None,
        why: str = "",
        beside: Beside | None = None,
    ) -> None:
        """`why`: why the records say nothing; `beside`: where only these copies are looked at."""
        self.policy, self.compilation, self.root = policy, compilation, root
        self.plan = compilation.plan
        self.zone = ZoneInfo(self.plan.timezone)
        self.now = datetime.now(UTC)
        self.places = Places(root=root)
        self.state = state
        self.known = Known(
            plan=self.plan,
            state=state,
            places=self.places,
            now=self.now,
            why_not=why,
            left=beside.left if beside is not None else None,
            at=beside.at if beside is not None else b"",
        )
        self.only = beside.destination if beside is not None else None

    # ── What is asked ────────────────────────────────────────────────────────────────────────

    def ask(self, text: str, *, glob: bool = False) -> Asked:
        """Find the copies of a path as typed. Raises `Refused`."""
        typed = without_root(self.root, absolute_subject(os.fsencode(text)))
        if not glob:
            return self._asked(typed, ())
        try:
            head, inside = pattern_parts(typed)
        except PatternError as error:
            raise Refused(f"{display(typed)}: {error}; nothing was restored") from None
        return self._asked(head, inside)

    def _asked(self, typed: bytes, inside: tuple[Component, ...]) -> Asked:
        path = typed.rstrip(b"/") or b"/"
        subject = find_subject(self.policy, path)
        if subject is None:
            raise Refused(
                f"no source of this policy holds {display(path)}: name a path as it was on "
                "the live system, or SOURCE:ITEM/PATH; nothing was restored"
            )
        if isinstance(subject.source, (LvmThinSource, BtrfsSource)) and not path.startswith(b"/"):
            copies = self._of_items(subject)
        else:
            copies = self._explained(path, directory=is_directory(typed, self.root)).copies
        snapshots = any(one.snapshot for one in copies)
        files = tuple(
            one for one in copies if holds_files(self.plan, one) and self.only in {None, one.place}
        )
        if self.only is not None and not files:
            raise Refused(
                f"{self.only} is to hold no copy of {display(path)}; nothing was restored"
            )
        return Asked(path=path, subject=subject, copies=files, inside=inside, snapshots=snapshots)

    def _explained(self, path: bytes, *, directory: bool) -> Explanation:
        """The explanation with copies, if there is any: a path that is gone may have been either.

        Raises `Refused`.
        """
        one = explain(self.policy, self.compilation, path, directory=directory)
        if not one.copies:
            other = explain(self.policy, self.compilation, path, directory=not directory)
            one = other if other.copies else one
        if not one.copies:
            raise Refused(f"there is no copy of {display(path)}: {one.reason}")
        return one

    def whole_of_items(self, text: str) -> str | None:
        """The source, where that is all that was typed, and it has items."""
        name, colon, rest = text.partition(":")
        source = self.plan.source(name) if colon and not rest.strip("/") else None
        return source.name if isinstance(source, (LvmThinSource, BtrfsSource)) else None

    def _of_items(self, subject: Subject) -> tuple[Copy, ...]:
        """Copies by each way to part the names: how long an item's address is, nobody knows."""
        names, chains = subject.names, self.compilation.chains
        table = self.plan.table(subject.source.name)
        found: dict[Copy, None] = {}
        for length in range(1, min(len(names), ITEMS_DEEP) + 1):
            address, inner = names[:length], names[length:]
            line = table.line_for(address) if table is not None else None
            if line is not None:
                source = subject.source.name
                found |= dict.fromkeys(chains.of_line(source, address, line, inner=inner))
        return tuple(found)

    # ── What is found ────────────────────────────────────────────────────────────────────────

    def find(self, asked: Asked, wish: Wish) -> Found:
        """Look at every copy, and choose. Raises `Refused` where what is wished for is none."""
        asked, wish = made_by(asked, wish)
        refuse_unknown(self, asked, wish.place, wish.despite)
        versions, unseen = find_versions(self.known, asked.copies, asked.subject.source.name)
        choice = choose(
            versions,
            as_of=wish.as_of,
            place=wish.place,
            zone=self.zone,
            databases=wish.databases,
        )
        return Found(
            asked=asked,
            wish=wish,
            versions=versions,
            unseen=unseen,
            choice=choice,
            zone=self.zone,
        )

    def propose(self, found: Found, aim: Aim) -> Proposal:
        """The steps to what was chosen. Raises `Refused`."""
        version = found.choice.chosen
        assert version is not None
        place = self.known.place(version.place)
        assert place is not None, "it was looked at"
        try:
            left = without(self, found)
            fetch = fetch_of(self.plan, version, place, found.asked.inside, left)
        except FilterError as error:
            raise Refused(f"{display(found.asked.path)}: {error}; nothing was restored") from None
        stamp = self.now.strftime("%Y%m%dT%H%M%SZ").encode()
        against = tuple(dict.fromkeys((version.label, *(one.label for one in self.near(found)))))
        asked = request_of(
            found.as_of, found.wish.place, found.asked.inside, databases=found.wish.databases
        )
        aim = replace(aim, request=asked)
        if version.part and aim.in_place and os.path.lexists(aim.path):
            what = "its databases" if version.copy.partial else "what one run took away"
            raise Refused(
                f"{version.label} holds only {what} of {display(found.asked.path)}"
                ", which is no state to put in the place of what is there: restore it to a new "
                "folder, without --in-place; nothing was changed"
            )
        if aim.in_place:
            refuse_parts(self, found)
        return Proposal(
            found=found,
            version=version,
            aim=aim,
            fetch=fetch,
            steps=restore_steps(aim, fetch, kept=aim.kept(stamp), against=against),
            notes=tuple(notes_of(self, found, version)),
            stamp=stamp,
        )

    def near(self, found: Found) -> tuple[Version, ...]:
        """Other whole versions on this machine, to compare with: the newest state of each place."""
        chosen = found.choice.chosen
        others = (one.version for one in found.choice.passed)
        alike = [
            one
            for one in others
            if chosen is not None
            and not one.far
            and (one.copy.partial or not one.part)
            and one.copy.partial == chosen.copy.partial
            and one.place not in {chosen.place, *found.wish.despite}
            and (one.kind is Kind.NEWEST or one.at(None) == chosen.at(None))
        ]
        return tuple({one.place: one for one in reversed(alike)}.values())

    def entries(self, found: Found) -> tuple[tuple[bytes, bool], ...]:
        """What the chosen version of a directory holds, and which of that are directories.

        Raises `Refused`.
        """
        chosen = found.choice.chosen
        place = self.known.place(chosen.place) if chosen is not None else None
        if chosen is None or place is None or not chosen.directory:
            return ()
        try:
            return entries_of(chosen, place)
        except CannotLook as error:
            raise Refused(f"{chosen.label} cannot be listed: {error}") from None

    # ── Where it goes ────────────────────────────────────────────────────────────────────────

    def into_folder(self, found: Found, to: Path | None, *, anywhere: bool) -> Aim:
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
        aim = Aim(base=base, below=(name,), name=self._name(found), alone=to is not None)
        if not anywhere:
            self._refuse_there(aim)
        return aim

    def folder_for(self, source: str, to: Path | None, *, anywhere: bool) -> bytes:
        """The folder for all items of a source. Raises `Refused` as for one of them."""
        here = Path.cwd() / os.fsdecode(NEW_FOLDER.removeprefix(b"./") + source.encode())
        folder = os.path.abspath(os.fsencode(to if to is not None else here))  # noqa: PTH100 - symlinks stay
        base, name = os.path.split(folder)
        if not name:
            raise Refused("--to names a folder, not the root of everything; nothing was restored")
        if not anywhere:
            self._refuse_there(Aim(base=base, below=(name,), name=source.encode()))
        return folder

    def _name(self, found: Found) -> bytes:
        path = found.asked.path.rstrip(b"/")
        last = (path if path[:1] == b"/" else path.partition(b":")[2]).rpartition(b"/")[2]
        return last or found.asked.subject.source.name.encode()

    def _refuse_there(self, aim: Aim) -> None:
        """Raises `Refused` inside what is copied, and inside copies."""
        real = os.path.realpath(aim.base) + b"/" + b"/".join(aim.below)
        if self.known.at:
            self._refuse_beside(real)
            return
        for path in dict.fromkeys((real, aim.folder)):
            here = without_root(self.root, path)
            if here == path and self.places.staged:
                continue
            self._refuse_copied(here + b"/" + aim.name)
            self._refuse_copies(here)

    def _refuse_beside(self, path: bytes) -> None:
        """Of another machine nobody knows what it copies: only the copies themselves are spared."""
        if (path + b"/").startswith(os.path.realpath(self.known.at).rstrip(b"/") + b"/"):
            raise Refused(
                f"{display(path)} lies among the copies: name another folder with --to DIR, or say "
                "--to DIR --anywhere; nothing was restored"
            )

    def _refuse_copied(self, path: bytes) -> None:
        one = explain(self.policy, self.compilation, path, directory=True)
        if one.leg is not None:
            raise Refused(
                f"{display(path)} lies in the source {one.source!r}: {one.leg} would copy what "
                "comes back. Nothing was restored. Name another folder with --to DIR, or say "
                "--to DIR --anywhere"
            )

    def _refuse_copies(self, path: bytes) -> None:
        here = AbsolutePath(tuple(part for part in path.split(b"/") if part))
        for one in self.plan.destinations:
            if one.ssh is None and one.path.contains(here):
                raise Refused(
                    f"{display(path)} lies among the copies of {one.name!r}: a run may delete it, "
                    "or take it for a copy. Nothing was restored. Name another folder with "
                    "--to DIR, or say --to DIR --anywhere"
                )

    def into_place(self, asked: Asked) -> Aim:
        """The path itself. Raises `Refused` where it cannot be renamed, or is no path."""
        path = asked.path
        if asked.inside:
            raise Refused(
                f"--glob brings back a part of {display(path)}, which cannot take its place: "
                "restore to a new folder, without --in-place; nothing was changed"
            )
        if isinstance(asked.subject.source, DeviceSource | DumpedSource):
            raise Refused(
                f"{display(path)} was made of what it is a copy of, and is no path of it: restore "
                "it to a new folder, without --in-place, and load it; nothing was changed"
            )
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
        here = below(self.root, path)
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
        return Aim(
            base=self.places.below_root(root), below=names[:-1], name=names[-1], in_place=True
        )
