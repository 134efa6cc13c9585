"""What rsync says of files that it compared with a far copy."""

from __future__ import annotations

import pytest

from engine.drill.far import FarReader
from engine.drill.judge import Claim

PRINTED = b"""\
.d          ./
.d..t...... d/
.f          d/same
.f..t...... d/other time
>fc........ d/rot
>fcst...... d/changed
>f+++++++++ d/not here
cLc.T...... link
.f          new\\#012line
rsync: anything else
"""


def read(*, same_moment: bool, times: bool = True, cut: int = 7) -> dict[bytes, tuple[Claim, bool]]:
    reader = FarReader(same_moment=same_moment, times=times)
    for start in range(0, len(PRINTED), cut):
        assert reader.feed(PRINTED[start : start + cut]) == b""
    return reader.found


@pytest.mark.parametrize("cut", [1, 7, 1_000])
def test_of_the_same_moment_all_must_be_equal(cut: int) -> None:
    moment = Claim.SAME_MOMENT
    assert read(same_moment=True, cut=cut) == {
        b"d/same": (moment, True),
        b"d/other time": (moment, True),
        b"d/rot": (moment, False),
        b"d/changed": (moment, False),
        b"new\nline": (moment, True),
    }


def test_of_another_one_only_what_has_the_same_time() -> None:
    assert read(same_moment=False) == {
        b"d/same": (Claim.SAME_TIME, True),
        b"d/rot": (Claim.SAME_TIME, False),
        b"new\nline": (Claim.SAME_TIME, True),
    }


def test_where_times_are_not_kept_nothing_is_claimed() -> None:
    assert read(same_moment=False, times=False) == {}
