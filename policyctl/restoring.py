"""What `restore` has found, what it would do, and doing it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.compile import Compilation
from engine.explain import Subject, explain, find_subject
from engine.plan.readers import with_images
from engine.promises.chains import Copy
from engine.restore.aim import Aim, request_of, restore_steps
from engine.restore.choice import choose
from engine.restore.fetch import fetch_of
from engine.restore.left_copies import LeftCopy, left_copies
from engine.restore.products import no_files_words
from engine.restore.versions import Kind, Version, told_once
from engine.rsync.filters import FilterError
from engine.standing.bring_back import holds_files
from engine.system.host.look import absolute_subject, is_directory, without_root
from engine.system.host.places import Places
from engine.system.restore.browse import entries_of
from engine.system.restore.entries import CannotLook
from engine.system.restore.items import ITEMS_DEEP
from engine.system.restore.known import Known
from engine.system.restore.left_copies import left_versions
from engine.system.restore.search import find_versions
from engine.system.restore.told import with_told
from engine.system.state.state import State
from policy.model import Policy
from policy.patterns import Component, PatternError
from policy.sources import BtrfsSource, LvmThinSource
from policy.values import display
from policyctl.asking import (
    Asked,
    Beside,
    Found,
    Proposal,
    Wish,
    made_by,
    pattern_parts,
    with_colon,
)
from policyctl.boundary import Refused
from policyctl.forewarning import (
    names_note,
    notes_of,
    refuse_parts,
    refuse_unknown,
    unknown_words,
    without,
)


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
            raise Refused(f"{with_colon(typed)} {error}; nothing was restored") from None
        source = self.whole_of_items(os.fsdecode(head))
        if source is not None:
            raise Refused(
                f"{display(typed)}: a pattern stands for names in an item, and not for the item's "
                f"own: `policyctl restore {source}: --list` names the items; nothing was restored"
            )
        return self._asked(head, inside)

    def _asked(self, typed: bytes, inside: tuple[Component, ...]) -> Asked:
        path = typed.rstrip(b"/") or b"/"
        subject = find_subject(self.policy, path)
        if subject is None:
            raise Refused(
                f"{unknown_words(self.plan, path)}; nothing was restored{self._of_gone()}"
            )
        left = self.left_of(subject)
        if isinstance(subject.source, (LvmThinSource, BtrfsSource)) and not path.startswith(b"/"):
            copies = self._of_items(subject)
        else:
            copies = self._copies(path, left, directory=is_directory(typed, self.root))
        snapshots = any(one.snapshot for one in copies)
        every = [one for one in copies if holds_files(self.plan, one)]
        if copies and not every and not left:
            why = no_files_words(subject.source.name, path)
            raise Refused(f"{why}. Nothing was restored")
        files = tuple(one for one in every if self.only in {None, one.place})
        if self.only is not None and not files:
            raise Refused(
                f"{self.only} is to hold no copy of {display(path)}; nothing was restored"
            )
        return Asked(
            path=path,
            subject=subject,
            copies=files,
            inside=inside,
            snapshots=snapshots,
            left=left,
        )

    def left_of(self, subject: Subject) -> tuple[LeftCopy, ...]:
        """Where orphans would hold it: as far as the records are at hand and can be read."""
        if self.state is None or self.only is not None:
            return ()
        with suppress(sqlite3.Error):
            found = left_copies(
                self.plan,
                subject.source,
                (*subject.names, *subject.inner),
                ((one.orphan, one.since) for one in self.state.orphans.all()),
                with_images(self.plan, self.state.all_retired()),
                deepest=ITEMS_DEEP,
            )
            return tuple(found)
        return ()

    def _of_gone(self) -> str:
        """What is left of sources that no policy knows any more, as the rest of a sentence."""
        names = []
        if self.state is not None:
            with suppress(sqlite3.Error):
                every = (one.orphan for one in self.state.orphans.all())
                names = [str(one.place) for one in every if not self.plan.source(one.live.holder)]
        if not names:
            return ""
        return (
            f". What sources that are gone have left lies in {', '.join(names)}: `policyctl gc` "
            "tells of each"
        )

    def _copies(
        self, path: bytes, left: Sequence[LeftCopy], *, directory: bool
    ) -> tuple[Copy, ...]:
        """The copies, if there are any: a path that is gone may have been either.

        Raises `Refused` where there are none, and no orphan that may hold it.
        """
        one = explain(self.policy, self.compilation, path, directory=directory)
        if not one.copies:
            other = explain(self.policy, self.compilation, path, directory=not directory)
            one = other if other.copies else one
        if not one.copies and not left:
            raise Refused(f"there is no copy of {with_colon(path)} {one.reason}")
        return one.copies

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
        wish = made_by(asked, wish)
        refuse_unknown(self, asked, wish.place, wish.despite)
        versions, unseen = find_versions(
            self.known, asked.copies, asked.subject.source.name, snapshots=True
        )
        if self.state is not None and asked.left:
            more, missing = left_versions(self.known, self.state, asked.left)
            versions, unseen = (*versions, *more), (*unseen, *missing)
        subject = asked.subject
        versions = with_told(self.known, subject.source, versions, len(subject.names))
        choice = choose(
            versions,
            as_of=wish.as_of,
            place=wish.place,
            maker=wish.maker,
            zone=self.zone,
            databases=wish.databases,
        )
        return Found(
            asked=asked,
            wish=wish,
            versions=versions,
            unseen=told_once(versions, unseen) if asked.made else unseen,
            choice=choice,
            zone=self.zone,
        )

    def propose(self, found: Found, aim: Aim) -> Proposal:
        """The steps to what was chosen. Raises `Refused`."""
        version = found.choice.chosen
        assert version is not None
        place = self.known.place_of(version)
        assert place is not None, "it was looked at"
        try:
            left = without(self, found)
            fetch = fetch_of(self.plan, version, place, found.asked.inside, left)
        except FilterError as error:
            raise Refused(f"{with_colon(found.asked.path)} {error}; nothing was restored") from None
        stamp = self.now.strftime("%Y%m%dT%H%M%SZ").encode()
        against = tuple(dict.fromkeys((version.label, *(one.label for one in self.near(found)))))
        wish = found.wish
        asked = request_of(
            wish.as_of, wish.place or wish.maker, found.asked.inside, databases=wish.databases
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
            steps=restore_steps(
                aim,
                fetch,
                kept=aim.kept(stamp),
                against=against,
                made=found.asked.made,
            ),
            notes=(*notes_of(self, found, version), *names_note(aim)),
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
            and one.left is None
            and (one.copy.partial or not one.part)
            and one.copy.partial == chosen.copy.partial
            and one.place not in {chosen.place, *found.wish.despite}
            and one.kind is not Kind.SNAPSHOT
            # Of what two legs have made, neither is a copy of the other.
            and not (found.asked.made and one.copy.via[0] != chosen.copy.via[0])
            and (one.kind is Kind.NEWEST or one.at(None) == chosen.at(None))
        ]
        return tuple({one.place: one for one in reversed(alike)}.values())

    def elsewhere(self, found: Found) -> Version | None:
        """What might be taken next, were nothing said of where it is to come from, or of when."""
        others = [one for one in found.versions if one is not found.choice.chosen]
        databases = found.wish.databases
        found_next = choose(others, as_of=None, place=None, zone=self.zone, databases=databases)
        return found.choice.next_best or found_next.chosen

    def entries(self, found: Found) -> tuple[tuple[bytes, bool], ...]:
        """What the chosen version of a directory holds, and which of that are directories.

        Raises `Refused`.
        """
        chosen = found.choice.chosen
        return self.entries_of(chosen) if chosen is not None else ()

    def entries_of(self, version: Version) -> tuple[tuple[bytes, bool], ...]:
        """The same of any version. Raises `Refused`."""
        place = self.known.place_of(version)
        if place is None or not version.directory:
            return ()
        try:
            return entries_of(version, place)
        except CannotLook as error:
            raise Refused(f"{version.label} cannot be listed: {error}") from None
