"""Opening what `restore` goes by: what is applied, a manifest, or what lies beside copies."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.compile import compilation_of
from engine.plan.left_plan import MOST, NAME, LeftPlan, left_from_json
from engine.plan.stored import PlanUnreadable
from engine.promises.plan_chains import policy_of
from engine.system.host.places import Places
from engine.system.state.reading import read_state
from engine.system.state.state import StateUnusable
from policy.values import display
from policyctl.asking import Beside
from policyctl.boundary import Refused
from policyctl.loading import applied_plan, load_for_question
from policyctl.restoring import Restoring
from policyctl.views.console import tell


@contextmanager
def restoring(policy: Path | None, root: Path) -> Iterator[Restoring]:
    """Open what is known: the manifest that is named, else what is applied, else a manifest.

    What made the copies is the applied plan, whatever was edited since.
    """
    applied = applied_plan(root) if policy is None else None
    with ExitStack() as stack:
        state, why = None, ""
        try:
            state = stack.enter_context(read_state(Places(root=root).state_file))
        except (OSError, sqlite3.Error, StateUnusable) as error:
            why = f"the records cannot be read: {error}"
        if applied is not None:
            compilation, model = compilation_of(applied), policy_of(applied)
        else:
            model, compilation = load_for_question(policy, root)
        yield Restoring(model, compilation, root, state=state, why=why)


def restoring_at(at: Path, policy: Path | None, place: str | None, root: Path) -> Restoring:
    """Open what lies beside copies, or where nothing does a manifest and the place's name.

    Raises `Refused`.
    """
    where = os.path.abspath(os.fsencode(at))  # noqa: PTH100 - bytes
    left = _left_beside(where)
    if left is not None:
        left = replace(left, plan=replace(left.plan, timezone=_zone_here(left.plan.timezone)))
        beside = Beside(at=where, destination=left.destination, left=left)
        return Restoring(policy_of(left.plan), compilation_of(left.plan), root, beside=beside)
    name = (place or "").partition(":")[0]
    if policy is None or not name:
        raise Refused(
            f"{display(where + b'/' + NAME)} is not there: is this the root of the copies? If it "
            "is, name the manifest, and which destination it is: --policy FILE --from DESTINATION; "
            "nothing was restored"
        )
    model, compilation = load_for_question(policy, root)
    if compilation.plan.destination(name) is None:
        known = ", ".join(one.name for one in compilation.plan.destinations)
        raise Refused(f"there is no destination {name!r}; there are: {known}")
    return Restoring(model, compilation, root, beside=Beside(at=where, destination=name, left=None))


def _zone_here(name: str) -> str:
    """The time zone, where this machine knows it: a rescue system may know none."""
    try:
        return ZoneInfo(name).key
    except (ValueError, OSError, ZoneInfoNotFoundError):
        tell(f"policyctl: this machine does not know the time zone {name!r}: all times are UTC")
        return "UTC"


def _left_beside(where: bytes) -> LeftPlan | None:
    """Raises `Refused` where it is there, and cannot be read."""
    path = where.rstrip(b"/") + b"/" + NAME
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags), "rb") as file:
            text = file.read(MOST)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Refused(f"{display(path)}: {error.strerror or error}") from None
    try:
        return left_from_json(text.decode("utf-8", "replace"))
    except PlanUnreadable as error:
        raise Refused(
            f"{display(path)}: {error}. With the manifest it works without: --policy FILE --from "
            "DESTINATION, once that file is away"
        ) from None


def moment_asked(text: str, zone: ZoneInfo) -> datetime:
    """A moment as people type it; a date alone means its end, and a second too.

    What is shown has no fractions: the state that was shown is meant. Raises `Refused`.
    """
    found = _typed(text)
    if not found.microsecond:
        found = found.replace(microsecond=999_999)
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)


def _typed(text: str) -> datetime:
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H-%M-%SZ", "%Y-%m-%d"):
        try:
            found = datetime.strptime(text, form)  # noqa: DTZ007 - the zone follows
        except ValueError:
            continue
        if form == "%Y-%m-%d":  # the whole of that day
            found = found.replace(hour=23, minute=59, second=59)
        return found.replace(tzinfo=UTC) if form.endswith("Z") else found
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Refused(
            f"{text!r} is no moment: type 2026-11-28, '2026-11-28 14:00' or an ISO time; "
            "nothing was restored"
        ) from None
