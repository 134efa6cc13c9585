"""What `explain` says of a name in a dump, or of what a device said: the dumps know it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from engine.compile import Compilation
from engine.explain import Explanation
from engine.promises.chains import Copy
from policy.model import Policy
from policy.values import display
from policyctl.asking import Asked, Wish
from policyctl.boundary import Refused
from policyctl.explaining import Records
from policyctl.naming import Meant, all_of, held_by_none, look_up, there, typed_in, whole_of, within
from policyctl.restoring import Restoring


def by_dumps(
    policy: Policy, compilation: Compilation, one: Explanation, records: Records, root: Path
) -> Explanation:
    """The same; of a name in a dump with the files that hold it, or that none does.

    A manifest says only which leg dumps a server, and no leg names a file before it has run.
    """
    work = Restoring(policy, compilation, root, state=records.state, why=records.why_not)
    text = os.fsdecode(one.path)
    with suppress(Refused):  # then no leg takes the source: it has been said why
        whole = whole_of(work, text)
        if whole is not None:
            return _explained(work, whole, one, typed_in(text), far=records.far)
    return one


def _explained(
    work: Restoring, whole: Asked, one: Explanation, typed: bytes, *, far: bool
) -> Explanation:
    near = tuple(copy for copy in whole.copies if far or not _is_far(work, copy))
    meant = look_up(work, work.find(replace(whole, copies=near), Wish()), typed)
    if not meant.names:
        return one
    if not meant.paths:
        return replace(
            one,
            leg=None,
            reason=f"{held_by_none(whole, typed, meant)}: {there(whole, meant)}",
            decided_by=None,
            runner_up=None,
            copies=(),
        )
    copies = tuple(_copies(whole, one, meant))
    others = [(leg, file) for leg, file in meant.wholes if (file,) not in meant.paths]
    files = dict.fromkeys(display(b"/".join(path)) for path in meant.paths)
    makers = dict.fromkeys(copy.via[0] for copy in copies)
    take = "takes" if len(makers) == 1 else "take"
    return replace(
        one,
        leg=next(iter(makers), one.leg),
        reason=f"{' and '.join(makers)} {take} {whole.subject.source.name!r} whole; in the dumps "
        f"that hold it the file is {' or '.join(files)}{all_of(whole, others)}",
        copies=copies,
    )


def _is_far(work: Restoring, copy: Copy) -> bool:
    place = work.known.place(copy.place)
    return place is not None and place.ssh is not None


def _copies(whole: Asked, one: Explanation, meant: Meant) -> Iterator[Copy]:
    """Under the name in the best dump of each leg; where none could be seen, as it was said."""
    for copy in whole.copies:
        maker = copy.via[0]
        if maker in meant.files:
            yield within(copy, meant.files[maker][0])
        elif maker not in meant.seen:
            yield from (other for other in one.copies if other.via == copy.via)
