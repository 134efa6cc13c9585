"""The process that looks: `python -m engine.system.checks.worker ROOT REQUEST`.

One line of JSON says what was found. What it looks at may hang, and a damaged file may crash it:
that costs this process alone.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

from engine.checks.judge import judge_freshness
from engine.checks.outcome import Status, Verdict
from engine.checks.request import Request, answer_to_json, request_from_json
from engine.system.checks.freshness import look
from engine.system.host.secrets import NoSecret
from policy.checks import FreshnessCheck, HttpCheck, SnapshotsCheck


def main(arguments: list[str]) -> int:
    """Look, and say what was found."""
    root, text = arguments
    try:
        verdict = _looked(request_from_json(text), os.fsencode(root))
    except (NoSecret, OSError) as error:
        verdict = Verdict(status=Status.REFUSED, reason=str(error))
    sys.stdout.write(answer_to_json(verdict))
    return 0


def _looked(request: Request, root: bytes) -> Verdict:
    check = request.check
    if isinstance(check, FreshnessCheck):
        return judge_freshness(check, look(check, root), datetime.now(UTC))
    if isinstance(check, HttpCheck):
        from engine.system.checks.answers import ask

        return ask(check, root)
    if isinstance(check, SnapshotsCheck):
        from engine.system.checks.snapshots import look_at_snapshots

        assert request.snapshots is not None, "the destination declares some"
        return look_at_snapshots(request.snapshots, root, check.timeout.seconds)
    from engine.system.checks.databases import look_at_all, look_at_one

    assert request.databases is not None, "only SQLite's own check is left"
    if request.tree:
        return look_at_all(request.databases, root, check.timeout.seconds)
    return look_at_one(request.databases, root)


if __name__ == "__main__":
    # At once: what waits for a dead disk would keep the interpreter from ending.
    sys.stdout.flush()
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)
