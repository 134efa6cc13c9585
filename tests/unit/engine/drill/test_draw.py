"""Which files a drill draws."""

from __future__ import annotations

from engine.drill.draw import MOST_FILES, Draw, Drawn


def drawn(files: dict[bytes, int], most: int | None, seed: int = 1) -> list[bytes]:
    draw = Draw(most=most, seed=seed)
    for path, size in files.items():
        draw.offer(0, path, size)
    return [one.path for one in draw.drawn]


FILES = {b"%d" % number: 10 for number in range(100)}


def test_as_many_come_as_fit() -> None:
    assert len(drawn(FILES, 100)) == 10
    assert len(drawn(FILES, 109)) == 10
    assert len(drawn(FILES, None)) == 100


def test_another_seed_draws_others() -> None:
    assert drawn(FILES, 100, seed=1) != drawn(FILES, 100, seed=2)
    assert drawn(FILES, 100, seed=1) == drawn(FILES, 100, seed=1)


def test_what_is_larger_than_the_sample_is_passed_over() -> None:
    draw = Draw(most=100, seed=1)
    draw.offer(0, b"large", 101)
    draw.offer(0, b"small", 100)
    assert [one.path for one in draw.drawn] == [b"small"]
    assert (draw.files, draw.size, draw.passed_over) == (2, 201, 1)


def test_where_everything_is_too_large_nothing_comes() -> None:
    assert drawn({b"large": 11}, 10) == []


def test_files_of_nothing_are_not_drawn_for_ever() -> None:
    assert len(drawn({b"%d" % number: 0 for number in range(MOST_FILES + 50)}, 10)) == MOST_FILES


def test_everything_is_everything() -> None:
    many = {b"%d" % number: 0 for number in range(MOST_FILES + 50)}
    assert len(drawn(many, None)) == MOST_FILES + 50


def test_what_belongs_to_a_database_comes_with_it() -> None:
    draw = Draw(most=10, seed=1)
    draw.offer(0, b"a/db-wal", 50)
    draw.offer(0, b"a/db", 10)
    draw.offer(0, b"a/db-journal", 60)
    draw.offer(1, b"a/db-wal", 70)
    assert draw.drawn == (
        Drawn(piece=0, path=b"a/db", size=10),
        Drawn(piece=0, path=b"a/db-wal", size=50),
        Drawn(piece=0, path=b"a/db-journal", size=60),
    )


def test_a_file_of_each_piece_is_one_of_its_own() -> None:
    draw = Draw(most=None, seed=1)
    draw.offer(0, b"same", 1)
    draw.offer(1, b"same", 1)
    assert len(draw.drawn) == 2
