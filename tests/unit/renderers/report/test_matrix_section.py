"""Each part, its copies, and its gaps."""

from renderers.report.matrix_section import PartRow, part_rows
from renderers.report.words import Clock
from tests.report_facts import NOW, ZONE, homelab_facts

AT = Clock(zone=ZONE, now=NOW)


def rows() -> dict[str, PartRow]:
    return {one.label: one for one in part_rows(homelab_facts(), AT)}


def test_a_part_with_two_copies_on_one_chain() -> None:
    found = rows()["/srv/nfs"]
    assert [(one.form, one.place, one.by) for one in found.copies] == [
        ("files", "sda:/", "sda-mirror"),
        ("files", "synology:/pve-backup", "sda-mirror → offsite"),
    ]
    assert [one.offsite for one in found.copies] == [False, True]
    assert found.gaps == ()


def test_an_accepted_gap_says_why_and_since_when() -> None:
    (gap,) = rows()["/srv/nfs/immich"].gaps
    assert gap.sign.word == "falls short, accepted"
    assert gap.because == "1.5 T does not fit on sda: one copy, off-site"
    assert gap.since == "for 41 d"


def test_what_is_not_kept_has_no_copy_and_a_reason() -> None:
    found = rows()["/srv/nfs/frigate"]
    assert (found.copies, found.rpo, found.history) == ((), "–", "–")
    assert [(one.sign.shape, one.because) for one in found.gaps] == [
        ("off", "14-day camera ring buffer")
    ]


def test_a_snapshot_lies_in_its_own_pool() -> None:
    first = rows()["pvcs:"].copies[0]
    assert (first.form, first.place) == ("snapshot", "in its own pool")
