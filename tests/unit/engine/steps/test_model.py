"""Steps: the one that is not complete before something was counted."""

from dataclasses import replace

from engine.reach.targets import Identity, Target
from engine.steps.model import DeletePass

HERE = Target(holder="disk", root=b"/mnt/disk", names=(b"photos", b"2026"))


def test_a_deleting_command_carries_the_number_that_was_counted() -> None:
    source = Identity(path=b"/srv", device=1, inode=2)
    step = DeletePass(feed="data", argv=(b"rsync", b"x"), still=(source,), target=HERE)
    assert step.limited(7, everything_sent=True) == (b"rsync", b"--max-delete=7", b"x")
    quick = replace(step, alone=(b"rsync", b"--existing", b"x"))
    alone = (b"rsync", b"--max-delete=7", b"--existing", b"x")
    assert quick.limited(7, everything_sent=True) == alone
    assert quick.limited(7, everything_sent=False) == (b"rsync", b"--max-delete=7", b"x")
