"""What to type when something of a tree, or of a list of files, is lost. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.plan.model import LegPlan, Plan
from engine.runbooks.model import Blank, Code, Command, Said, Section, Step, Variable
from engine.runbooks.parts import Part
from policy.legs import SnapshotLeg
from policy.sources import FilesSource, Source, TreeSource

LOST = Variable("LOST")
WHEN = Blank(name="WHEN", example=b"2026-11-28 14:00", what="the moment whose state is wanted")
_WHOLE_FOLDER = b".policyctl-restored"
"""In the source itself: so it is on the same file system, and no leg takes such a name."""


def one_path(root: bytes, *, elsewhere: bool = False) -> Section:
    """A file or a directory, into a new folder or back into its place.

    `elsewhere`: that place is none of this host.
    """
    blank = Blank(
        name=LOST.name, example=root.rstrip(b"/") + b"/PATH", what="the path that was lost"
    )
    return Section(
        title="A file or a directory",
        steps=(
            Step(
                text=("See what there is, the newest first:",),
                blanks=(blank,),
                commands=((*_restore(LOST), b"--list"),),
            ),
            Step(
                text=(
                    "Bring back the newest state, into a new folder below the one that you are in. "
                    "Nothing that is there is touched:",
                ),
                commands=(_restore(LOST),),
            ),
            Step(
                text=("Or the state of an earlier moment:",),
                blanks=(WHEN,),
                commands=(
                    (*_restore(LOST), b"--as-of", Variable(WHEN.name), b"--to", b"./earlier"),
                ),
            ),
            *(() if elsewhere else (_put_back(),)),
        ),
    )


def _put_back() -> Step:
    return Step(
        text=(
            "Or put the newest state back in its place. Stop what writes there before; "
            "what is there now is kept beside it:",
        ),
        commands=(in_place(LOST, Variable(LOST.name, after="/")),),
    )


def all_of_claimed(source: TreeSource, parts: Sequence[Part]) -> Section:
    """The whole of a tree that no path of this host leads to: into folders, part by part."""
    literal = [part for part in parts if part.literal and part.path is not None]
    commands: list[Command] = []
    for number, part in enumerate(literal, 1):
        to = b"./restored" if number == 1 else b"./restored-%d" % number
        commands.append((*_restore(part.path or b"/"), b"--to", to))
    more = (
        "" if len(literal) == len(parts) else "; what a pattern stands for, path by path as above"
    )
    return Section(
        title=f"All of {source.name}",
        steps=(
            Step(
                text=(
                    "Bring it back into a folder; what it is called lies in that. Then carry what "
                    f"lies in there into the claim, as said above{more}:",
                ),
                commands=tuple(commands),
            ),
        ),
    )


def all_of_tree(source: TreeSource, parts: Sequence[Part], takers: Sequence[LegPlan]) -> Section:
    """The whole tree, part by part."""
    return Section(
        title=f"All of {source.name}",
        steps=(
            *pauses(takers, source.name),
            *(step for part in parts for step in _back(source, part)),
            *resumed(takers),
        ),
    )


def all_of_files(source: FilesSource, takers: Sequence[LegPlan]) -> Section:
    """All paths of a list."""
    commands: list[Command] = []
    for path in source.paths:
        if path.names:
            commands += [_made(path.text.rpartition(b"/")[0]), in_place(path.text, path.names[-1])]
    what = "Put each path back; what is there now is kept beside it. A mount point is refused: "
    return Section(
        title=f"All of {source.name}",
        steps=(
            *pauses(takers, source.name),
            Step(
                text=(
                    what,
                    "restore that one into a new folder, without ",
                    Code(b"--in-place"),
                    ":",
                ),
                commands=tuple(dict.fromkeys(commands)),
            ),
            *resumed(takers),
        ),
    )


def pauses(legs: Sequence[LegPlan], why: str) -> Iterator[Step]:
    """Keep legs from carrying on a state that is half restored."""
    if legs:
        yield Step(
            text=("Keep what is half restored from being carried on:",),
            commands=tuple(pause(leg, f"{why} is being restored") for leg in legs),
        )


def pause(leg: LegPlan, why: str) -> Command:
    """Keep a leg from starting by schedule."""
    return (
        b"policyctl",
        b"pause",
        leg.name.encode(),
        b"--until",
        b"7d",
        b"--because",
        why.encode(),
    )


def resumed(legs: Sequence[LegPlan]) -> Iterator[Step]:
    """Let them go on, make them look at everything once, and see that the copies are right."""
    if not legs:
        return
    names = [leg.name.encode() for leg in legs]
    copying = [leg.name.encode() for leg in legs if not isinstance(leg.leg, SnapshotLeg)]
    compared = [(b"policyctl", b"verify", *copying)] if copying else []
    yield Step(
        text=(
            "Once all of it is as it should be, let the legs go on, and look at everything. Where "
            "it lies on another file system than before, they refuse until you say so, with ",
            Code(b"--allow other-file-system"),
            ":",
        ),
        commands=(
            *((b"policyctl", b"resume", name) for name in names),
            *((b"policyctl", b"run", name, b"--full") for name in names),
            *compared,
            (b"policyctl", b"status"),
        ),
    )


def in_place(path: bytes | Variable, name: bytes | Variable) -> Command:
    """Bring back the newest state of a path to where it was."""
    return (*_restore(path), b"--in-place", b"--yes", name)


def _restore(path: bytes | Variable) -> Command:
    return (b"policyctl", b"restore", path)


def _made(directory: bytes) -> Command:
    return (b"mkdir", b"--parents", b"--", directory or b"/")


def _back(source: TreeSource, part: Part) -> Iterator[Step]:
    """One part comes back: a root entry by entry, since it may be a mount point."""
    path = part.path
    assert path is not None, "a tree has paths"
    if part.is_root:
        yield _root_back(source)
    elif part.literal:
        yield Step(
            text=("Bring back ", Code(path), ":"),
            commands=(_made(path.rpartition(b"/")[0]), in_place(path, path.rpartition(b"/")[2])),
        )
    else:
        blank = Blank(name="ONE", example=part.example, what="one path after another")
        one = Variable(blank.name)
        yield Step(
            text=("Bring back each path that ", Code.of(part.label), " stands for:"),
            blanks=(blank,),
            commands=(in_place(one, Variable(blank.name, after="/")),),
        )


def _root_back(source: TreeSource) -> Step:
    """Fetched beside its place, then renamed into it: nothing of it is copied twice."""
    root = source.path.text
    folder = root.rstrip(b"/") + b"/" + _WHOLE_FOLDER
    came = folder + b"/" + (source.path.names[-1] if source.path.names else source.name.encode())
    moved: Command = (
        *(b"find", came, b"-mindepth", b"1", b"-maxdepth", b"1", b"-exec"),
        *(b"mv", b"--no-clobber", b"--target-directory", root, b"--", b"{}", b"+"),
    )
    return Step(
        text=(
            "Bring back what lies in ", Code(root), ". It comes into a folder in it that no leg "
            "takes, and is renamed from there; what is there already stays:",
        ),
        commands=(
            _made(root),
            (*_restore(root), b"--to", folder),
            moved,
            (b"rmdir", b"--", came, folder),
        ),
    )  # fmt: skip


def not_kept(plan: Plan, source: Source) -> Iterator[Section]:
    """What nothing brings back, since it is left out by decision."""
    table = plan.table(source.name)
    left = [line for line in (table.lines if table is not None else ()) if line.leg is None]
    if left:
        rows = sorted((line.text, line.reason) for line in left)
        yield Section(
            title="What has no copy",
            intro=(("That is so by decision: make it anew where a program wants it.",),),
            columns=("what", "why"),
            listing=tuple(((Code.of(text),), (Said(reason),)) for text, reason in rows),
        )
