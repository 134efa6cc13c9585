"""Products are told by their first bytes."""

from engine.drill.products import HEAD, Product, product_of


def test_a_database_is_one_whatever_it_is_called() -> None:
    assert product_of(b"SQLite format 3\0" + b"rest"[:0]) is Product.SQLITE
    assert len(b"SQLite format 3\0") <= HEAD


def test_anything_else_is_a_file_like_any_other() -> None:
    assert product_of(b"") is None
    assert product_of(b"SQLite format 2\0") is None
