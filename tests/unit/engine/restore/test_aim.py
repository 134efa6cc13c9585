"""Where a restore goes, and its steps."""

from dataclasses import replace
from datetime import UTC, datetime

from engine.restore.aim import Aim, request_of, restore_steps
from engine.restore.fetch import Fetch
from engine.restore.steps import SetOldAside, restore_words
from policy.patterns import parse_component

AIM = Aim(base=b"/srv", below=(b"data",), name=b"a\nb", in_place=True)
FETCH = Fetch(options=(b"--archive",), source=b"/mnt/", piece=(b"tree", b"a"))


def test_the_same_command_has_the_same_folder_and_no_other() -> None:
    stars = tuple(map(parse_component, (b"*.jpg", b"[ab]")))
    moment = datetime(2026, 11, 28, tzinfo=UTC)
    asked = [
        request_of(None, None, ()),
        request_of(moment, None, ()),
        request_of(None, "disk", ()),
        request_of(None, None, stars[:1]),
        request_of(None, None, stars),
    ]
    others = [replace(AIM, name=b"c").staging, replace(AIM, base=b"/else").staging]
    assert len({replace(AIM, request=one).staging for one in asked} | {*others}) == 7
    assert request_of(None, None, (parse_component(b"*.jpg"),)) == asked[3]


def test_each_step_is_said_on_one_line() -> None:
    steps = restore_steps(AIM, FETCH, kept=b".policyctl-before-x", against=("disk",))
    words = restore_words(steps)
    assert len(words) == 6
    assert not any("\n" in one for one in words)
    assert words[3].startswith(r"rename /srv/data/a\nb to /srv/data/.policyctl-before-x/a\nb:")


def test_into_a_new_folder_nothing_is_set_aside() -> None:
    aim = replace(AIM, in_place=False)
    steps = restore_steps(aim, FETCH, kept=b"", against=())
    assert not any(isinstance(one, SetOldAside) for one in steps)
