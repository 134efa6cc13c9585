"""Where a restore goes, and its steps."""

from dataclasses import replace

from engine.plan.model import Location
from engine.restore.aim import Aim, restore_steps
from engine.restore.fetch import Fetch
from engine.restore.steps import SetOldAside, restore_words
from tests.unit.engine.restore.test_choice import version

AIM = Aim(base=b"/srv", below=(b"data",), name=b"a\nb", in_place=True)
FETCH = Fetch(options=(b"--archive",), source=b"/mnt/", piece=(b"tree", b"a"))


def test_the_same_version_and_place_have_the_same_folder_and_no_other() -> None:
    one = version()
    assert AIM.staging(one) == AIM.staging(replace(one, moment=None))
    others = [
        AIM.staging(version("nas")),
        AIM.staging(replace(one, location=Location(holder="disk", names=(b"x",)))),
        replace(AIM, name=b"c").staging(one),
        replace(AIM, base=b"/else").staging(one),
    ]
    assert len({AIM.staging(one), *others}) == 5


def test_each_step_is_said_on_one_line() -> None:
    steps = restore_steps(AIM, version(), FETCH, kept=b".policyctl-before-x", against=("disk",))
    words = restore_words(steps)
    assert len(words) == 6
    assert not any("\n" in one for one in words)
    assert words[3].startswith(r"rename /srv/data/a\nb to /srv/data/.policyctl-before-x/a\nb:")


def test_into_a_new_folder_nothing_is_set_aside() -> None:
    aim = replace(AIM, in_place=False)
    steps = restore_steps(aim, version(), FETCH, kept=b"", against=())
    assert not any(isinstance(one, SetOldAside) for one in steps)
