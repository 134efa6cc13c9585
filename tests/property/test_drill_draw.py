"""Laws of the draw of a drill (docs/adr/0029)."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from engine.drill.draw import MOST_FILES, SIDECARS, Draw, Drawn

PATHS = st.binary(min_size=1, max_size=4).filter(lambda path: not path.endswith(SIDECARS))
FILES = st.dictionaries(st.tuples(st.integers(0, 2), PATHS), st.integers(0, 40), max_size=40)
SEEDS = st.integers(0, 2**31)
Files = dict[tuple[int, bytes], int]


def drawn(files: Files, most: int | None, seed: int, order: int = 0) -> tuple[Drawn, ...]:
    draw = Draw(most=most, seed=seed)
    listed = sorted(files.items())
    Random(order).shuffle(listed)
    for (piece, path), size in listed:
        draw.offer(piece, path, size)
    return draw.drawn


class TestDraw:
    """ "the same in whatever order files are listed, […] a larger sample holds the smaller one"."""

    @given(FILES, st.integers(1, 300), SEEDS, st.integers(0, 1000))
    def test_the_order_of_the_listing_changes_nothing(
        self, files: Files, most: int, seed: int, order: int
    ) -> None:
        assert drawn(files, most, seed) == drawn(files, most, seed, order)

    @given(FILES, st.integers(1, 300), SEEDS)
    def test_it_fits_and_nothing_comes_twice(self, files: Files, most: int, seed: int) -> None:
        found = drawn(files, most, seed)
        assert sum(one.size for one in found) <= most
        assert len(set(found)) == len(found) <= MOST_FILES
        assert all(files[one.piece, one.path] == one.size for one in found)

    @given(FILES, st.integers(1, 300), SEEDS)
    def test_something_comes_where_anything_fits(self, files: Files, most: int, seed: int) -> None:
        fitting = [size for size in files.values() if size <= most]
        assert bool(drawn(files, most, seed)) == bool(fitting)

    @given(FILES, st.integers(40, 300), st.integers(0, 300), SEEDS)
    def test_a_larger_sample_holds_the_smaller_one(
        self, files: Files, most: int, more: int, seed: int
    ) -> None:
        """Of files of which none is larger than the smaller one."""
        small, large = drawn(files, most, seed), drawn(files, most + more, seed)
        assert large[: len(small)] == small

    @given(FILES, SEEDS)
    def test_what_fits_all_comes_all(self, files: Files, seed: int) -> None:
        assert len(drawn(files, None, seed)) == len(files)
        assert len(drawn(files, max(1, sum(files.values())), seed)) == len(files)
