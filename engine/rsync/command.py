"""rsync's command line for a mirror: every option in use, and why it is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.reach.ssh_command import remote_shell
from engine.reach.targets import Target
from engine.rsync.itemized import FORMAT
from engine.rsync.output import WOULD
from engine.rsync.set_aside import PARTIAL, SET_ASIDE
from engine.steps.model import DeleteGone
from policy.legs import MirrorLeg
from policy.parts import Attribute

SWEEP = b"--filter=R " + PARTIAL + b"/***"
"""Lets a deleting pass remove what earlier runs left there: all that is still wanted has come."""
TELLING = (b"--8-bit-output", FORMAT)
"""Has rsync print each change, for `engine.rsync.itemized` to read."""
SILENCE = 600
"""Seconds without any traffic after which rsync gives up."""

_PRESERVE: dict[Attribute, tuple[bytes, ...]] = {
    # Whole seconds would hide a change of equal size within one (rsync(1), --modify-window).
    Attribute.TIMES: (b"--times", b"--modify-window=-1"),
    Attribute.PERMS: (b"--perms",),
    Attribute.OWNER: (b"--owner", b"--group", b"--numeric-ids"),
    # Otherwise rsync 3.5 ends with code 2, or hangs for ever, where a directory that it may not
    # delete lies in the way of one of a file's names; and it sends names whose file it would have
    # met later (rsync(1), --hard-links).
    Attribute.HARDLINKS: (b"--hard-links", b"--no-inc-recursive"),
    Attribute.ACLS: (b"--acls",),
    Attribute.XATTRS: (b"--xattrs",),
    Attribute.DEVICES: (b"--devices", b"--specials"),
    Attribute.SYMLINKS: (),
}


def mirror_options(
    leg: MirrorLeg,
    *,
    cannot_keep: tuple[Attribute, ...],
    run_id: str,
    restricted: Target | None = None,
) -> tuple[bytes, ...]:
    """Options that both passes of a mirror share.

    `restricted`: where the copies lie, if the other side lets nothing pass but an rrsync.
    """
    options = [b"--recursive", *_kept(leg.preserve, cannot_keep)]
    if leg.chmod is not None:
        # Without --perms rsync would tighten new files only, and leave the old ones open.
        options += [b"--perms", b"--chmod=" + leg.chmod.text.encode()]
    if leg.bandwidth is not None:
        options.append(b"--bwlimit=%dB" % leg.bandwidth)
    if leg.deleted_keep is not None:
        # rrsync takes what is relative as lying in its own directory, not beside the copies.
        beside = restricted.path.rstrip(b"/") + b"/" if restricted is not None else b""
        options += [b"--backup", b"--backup-dir=" + beside + SET_ASIDE + b"/" + run_id.encode()]
    return (
        *(_for_rrsync(options) if restricted is not None else options),
        b"--partial-dir=" + PARTIAL,
        b"--timeout=%d" % SILENCE,
        b"--info=stats2",
        b"--no-human-readable",
    )


def _kept(preserve: tuple[Attribute, ...], cannot_keep: tuple[Attribute, ...]) -> Iterator[bytes]:
    """Options for what is kept of each file, as far as the destination can."""
    if Attribute.SYMLINKS not in cannot_keep:
        yield b"--links"
    for attribute in Attribute:
        if attribute in preserve and attribute not in cannot_keep:
            yield from _PRESERVE[attribute]


def generation_command(
    preserve: tuple[Attribute, ...],
    cannot_keep: tuple[Attribute, ...],
    rules: tuple[bytes, ...],
    source: bytes,
    staging: Target,
    bases: tuple[bytes, ...],
    *,
    by_content: bool = False,
) -> tuple[bytes, ...]:
    """Copy everything into an empty folder; what lies unchanged in a base beside it is linked.

    Nothing is written through a link: what differs in any attribute is copied (rsync(1),
    --link-dest). A file that is cut off is of no use to anybody, since the next run begins anew.
    `by_content`: only what also has the same content is linked; both sides are read whole.
    """
    return (
        b"rsync",
        b"--recursive",
        *_kept(preserve, cannot_keep),
        *(b"--link-dest=../" + base for base in bases),
        *((b"--checksum",) if by_content and bases else ()),
        b"--timeout=%d" % SILENCE,
        b"--info=stats2",
        b"--no-human-readable",
        *rules,
        *_ends(source, staging),
    )


def _for_rrsync(options: Iterable[bytes]) -> Iterator[bytes]:
    """No rrsync knows the `-@-1` that rsync makes of a negative window; all know the long form."""
    for one in options:
        yield b"--remote-option=" + one if one.startswith(b"--modify-window=") else one


def connection_options(target: Target, control: bytes, *, commands: bool) -> tuple[bytes, ...]:
    """Options that reach the other machine; none on this one."""
    if target.ssh is None:
        return ()
    shell = b"--rsh=" + remote_shell(target.ssh, control)
    # A forced rrsync takes no commands and no protected arguments: rsync makes the directory.
    return (shell, b"--secluded-args") if commands else (shell, b"--mkpath")


def merge_rules(path: bytes) -> bytes:
    """Read filter rules from a file of this machine."""
    return b"--filter=merge " + path


def transfer_command(
    options: tuple[bytes, ...], rules: tuple[bytes, ...], source: bytes, target: Target
) -> tuple[bytes, ...]:
    """Copy everything and delete nothing; rsync tells how many deletions it skipped."""
    return (b"rsync", *options, b"--delete", b"--max-delete=0", *rules, *_ends(source, target))


def compare_command(
    options: tuple[bytes, ...], rules: tuple[bytes, ...], source: bytes, target: Target
) -> tuple[bytes, ...]:
    """Tell what a copy would change, for `engine.rsync.output.would_change`; write nothing."""
    telling = (b"--dry-run", b"--8-bit-output", WOULD)
    return (b"rsync", *options, *telling, *rules, *_ends(source, target))


WRITE_NOTHING = (b"--existing", b"--ignore-existing")


def delete_command(
    options: tuple[bytes, ...],
    rules: tuple[bytes, ...],
    source: bytes,
    target: Target,
    *,
    sending: bool,
) -> tuple[bytes, ...]:
    """Delete after all else went well: --delete-after does nothing once a read has failed.

    `sending`: copy first, though all that was there has arrived before. What was moved meanwhile is
    wanted gone under its old name, and would be nowhere if the new one were not sent.
    """
    only = () if sending else WRITE_NOTHING
    return (b"rsync", *options, *only, b"--delete-after", *rules, *_ends(source, target))


def changed_trees(directory: bytes, feed: str) -> tuple[bytes, bytes]:
    """Where the small trees of what changed are made: one to be followed, one as it is."""
    base = directory + b"/send-" + feed.encode()
    return base + b"/files", base + b"/others"


def send_command(
    options: tuple[bytes, ...], source: bytes, target: Target, *, follow: bool
) -> tuple[bytes, ...]:
    """Copy a small tree that holds what changed, and delete nothing.

    `follow`: its files are symlinks to what is meant.
    """
    links = tuple(one for one in options if one != b"--links") if follow else options
    option = (b"--copy-links",) if follow else ()
    return (b"rsync", *links, *option, *_ends(source, target))


def gone_command(step: DeleteGone, directory: bytes, number: int, most: int) -> tuple[bytes, ...]:
    """Delete what the rules leave open and a lot's tree of names has not; write nothing."""
    names, own = step.lot(directory, number)
    return (
        b"rsync",
        *step.options,
        *WRITE_NOTHING,
        b"--delete",
        b"--max-delete=%d" % most,
        *step.before,
        SWEEP,
        merge_rules(own),
        *step.after,
        *_ends(names, step.target),
    )


def expire_command(
    empty: bytes, target: Target, run_ids: tuple[bytes, ...], connection: tuple[bytes, ...]
) -> tuple[bytes, ...]:
    """Remove some runs' folders by mirroring an empty directory over them."""
    rules = tuple(b"--filter=R /" + run_id + b"/***" for run_id in run_ids)
    return (
        b"rsync",
        b"--recursive",
        b"--timeout=%d" % SILENCE,
        *connection,
        b"--delete",
        *rules,
        b"--filter=P *",
        *_ends(empty, target),
    )


def list_command(target: Target, connection: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """List the entries of one directory through rsync itself."""
    return (
        b"rsync",
        b"--list-only",
        b"--8-bit-output",
        b"--no-human-readable",
        b"--timeout=%d" % SILENCE,
        *connection,
        b"--",
        target.argument,
    )


def list_for_writer_command(
    empty: bytes, target: Target, connection: tuple[bytes, ...]
) -> tuple[bytes, ...]:
    """List the entries of one directory that may only be written to: a deletion that is tried.

    rsync tells what it would delete to make the directory like an empty one. What lies deeper is
    protected, so a directory that holds anything is told as one that cannot be deleted.
    """
    return (
        b"rsync",
        b"--dry-run",
        b"--dirs",
        b"--delete",
        b"--filter=P /*/**",
        *TELLING,
        b"--timeout=%d" % SILENCE,
        *connection,
        *_ends(empty, target),
    )


def _ends(source: bytes, target: Target) -> tuple[bytes, ...]:
    return (b"--", source.rstrip(b"/") + b"/", target.argument)
