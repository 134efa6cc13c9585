from hypothesis import given
from hypothesis import strategies as st

from engine.plan.model import Location
from engine.plan.spots import Spot, covers, literal_head, spot, spot_below, spot_named
from policy.patterns import PatternError, parse_path_pattern

NAMES = st.binary(min_size=1, max_size=8).filter(
    lambda name: not set(name) & {0, 0x2F} and name not in {b".", b".."}
)


@given(names=st.lists(NAMES, max_size=4))
def test_law_34_any_name_comes_back_from_its_text(names: list[bytes]) -> None:
    place = spot_below(Location(holder="disk", names=tuple(names)))
    assert spot("disk", place.text) == place
    assert spot_named(place.name) == place
    assert literal_head(place.pattern) == tuple(names)


@given(text=st.text(alphabet="ab*?[]!-^/", max_size=12))
def test_any_pattern_comes_back_from_its_text(text: str) -> None:
    try:
        pattern = parse_path_pattern(text.encode())
    except PatternError:
        return
    place = Spot(holder="disk", pattern=pattern)
    assert spot("disk", place.text) == place


def test_a_pattern_and_a_name_that_looks_like_one_are_called_differently() -> None:
    pattern = spot("disk", b"a*/b")
    name = spot_below(Location(holder="disk", names=(b"a*", b"b")))
    assert (str(pattern), str(name)) == ("disk:/a*/b", "disk:/a[*]/b")
    assert literal_head(pattern.pattern) == ()


def test_what_covers_what() -> None:
    def one(text: str):
        return parse_path_pattern(text.encode())

    assert covers(one(""), one("a/b"))
    assert covers(one("*/b"), one("a/b/c"))
    assert not covers(one("a/b"), one("*/b"))
    assert not covers(one("a/b"), one("a"))
