from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.verify.sample import Sample, may_still_differ


def sample_of(files: int, *, most: int | None, seed: int) -> Sample:
    sample = Sample(most=most, seed=seed)
    for number in range(files):
        sample.offer(b"%d" % number, 10)
    return sample


@given(st.integers(0, 60), st.integers(1, 20) | st.none(), st.integers(0, 2**31))
def test_it_holds_as_many_as_it_may_each_once(files: int, most: int | None, seed: int) -> None:
    sample = sample_of(files, most=most, seed=seed)
    wanted = files if most is None else min(files, most)
    assert len(sample.paths) == len(set(sample.paths)) == wanted
    assert list(sample.paths) == sorted(sample.paths)
    assert (sample.files, sample.size, sample.chosen_bytes) == (files, 10 * files, 10 * wanted)
    assert sample.paths == sample_of(files, most=most, seed=seed).paths


def test_each_file_is_as_likely_as_any_other() -> None:
    chosen = Counter(
        path for seed in range(4_000) for path in sample_of(20, most=5, seed=seed).paths
    )
    assert len(chosen) == 20
    # 1,000 expected of each; six standard deviations of a binomial are 165.
    assert all(abs(number - 1_000) < 165 for number in chosen.values()), chosen


@pytest.mark.parametrize(("compared", "share"), [(1, 0.95), (300, 0.00994), (1_000, 0.002991)])
def test_what_a_sample_without_a_hit_says_of_the_others(compared: int, share: float) -> None:
    assert may_still_differ(compared, 10**6) == pytest.approx(share, rel=1e-3)
    # Were so many wrong, five samples of a hundred would show none of them.
    assert (1 - may_still_differ(compared, 10**6)) ** compared == pytest.approx(0.05)


def test_all_of_them_leave_no_doubt_and_none_of_them_every() -> None:
    assert may_still_differ(5, 5) == 0.0
    assert may_still_differ(0, 5) == 1.0
    assert may_still_differ(0, 0) == 0.0
