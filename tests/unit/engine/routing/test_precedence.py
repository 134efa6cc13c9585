"""Routes in order, against a comparison of two keys written from the sentence that defines it.

"Compare two keys component by component from the left: at the first that differs a literal beats a
wildcard; of two wildcards the one whose set lies inside the other's wins, else it is an error that
shows a path both match; where one key ends, the longer wins."
"""

from __future__ import annotations

import time
from itertools import combinations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.routing.precedence import RouteTrie
from policy.patterns import Component, PathPattern, parse_path_pattern
from tests.strategies import path_texts, short_names

# Every pattern of the strategies has at most two tokens of one byte over `a`, `b` and `.`, so what
# it matches is told apart by names of up to four bytes over one more letter.
NAMES = tuple(short_names(4, b"ab.c"))
PATHS = [()] + [
    names
    for depth in (1, 2, 3)
    for names in product((b"a", b"b", b"ab", b"c", b".a"), repeat=depth)
]

_SETS: dict[Component, frozenset[bytes]] = {}


def names_of(component: Component) -> frozenset[bytes]:
    if component not in _SETS:
        _SETS[component] = frozenset(name for name in NAMES if component.matches(name))
    return _SETS[component]


def compare(one: PathPattern, other: PathPattern) -> int | None:
    """Below 0: the first is more specific; above: the second; None: they fight; 0: the same."""
    for a, b in zip(one.components, other.components, strict=False):
        mine, theirs = names_of(a), names_of(b)
        if mine == theirs:
            continue
        literals = len(mine) == 1, len(theirs) == 1
        if literals == (True, True) or not mine & theirs:
            return 1  # Never on the same path: no order is needed.
        if any(literals):
            return -1 if literals[0] else 1
        if mine < theirs:
            return -1
        return 1 if theirs < mine else None
    return len(other.components) - len(one.components)


def meet(one: PathPattern, other: PathPattern) -> bool:
    return all(
        names_of(a) & names_of(b) for a, b in zip(one.components, other.components, strict=False)
    )


def trie_of(texts: list[str]) -> RouteTrie[str]:
    trie: RouteTrie[str] = RouteTrie()
    for text in texts:
        trie.add(parse_path_pattern(text.encode()), text)
    return trie


def told_apart(texts: list[str]) -> bool:
    """Whether no two different components have the same names, as `*` and `?*` have."""
    components = {one for text in texts for one in parse_path_pattern(text.encode()).components}
    return len({names_of(one) for one in components}) == len(components)


keys = st.lists(path_texts(deepest=3, longest=2), min_size=1, max_size=6, unique=True).filter(
    told_apart
)


class TestOrder:
    """ "The most specific line wins"."""

    @settings(max_examples=max(60, settings().max_examples))
    @given(keys)
    def test_the_first_match_is_the_most_specific(self, texts: list[str]) -> None:
        trie = trie_of(texts)
        if trie.conflicts():
            return
        ordered = trie.ordered()
        patterns = {text: parse_path_pattern(text.encode()) for text in ordered}
        for names in PATHS:
            matching = [text for text in ordered if patterns[text].matches_prefix(names)]
            for text in matching[1:]:
                order = compare(patterns[matching[0]], patterns[text])
                assert order is not None, (names, matching[0], text)
                assert order < 0, (names, matching[0], text)

    @settings(max_examples=max(60, settings().max_examples))
    @given(keys, st.randoms(use_true_random=False))
    def test_the_order_of_adding_means_nothing(self, texts: list[str], random: object) -> None:
        mixed = list(texts)
        random.shuffle(mixed)  # type: ignore[attr-defined]  # hypothesis names no type
        distinct = [text for text in texts if trie_of([*texts]).ordered().count(text)]
        if len(trie_of(texts).ordered()) != len(texts):
            return  # Two spellings of one key: the first stands.
        assert trie_of(mixed).ordered() == trie_of(texts).ordered()
        assert {c.path for c in trie_of(mixed).conflicts()} == {
            c.path for c in trie_of(texts).conflicts()
        }
        assert sorted(distinct) == sorted(texts)

    @settings(max_examples=max(60, settings().max_examples))
    @given(keys)
    def test_a_conflict_is_shown_exactly_where_two_keys_fight(self, texts: list[str]) -> None:
        trie = trie_of(texts)
        kept = trie.ordered()
        patterns = {text: parse_path_pattern(text.encode()) for text in kept}
        fights = {
            frozenset(pair)
            for pair in combinations(kept, 2)
            if compare(patterns[pair[0]], patterns[pair[1]]) is None
            and meet(patterns[pair[0]], patterns[pair[1]])
        }
        shown = trie.conflicts()
        assert bool(shown) == bool(fights)
        for conflict in shown:
            assert frozenset({conflict.first, conflict.second}) in fights
            names = tuple(conflict.path.split(b"/"))
            assert patterns[conflict.first].matches_prefix(names)
            assert patterns[conflict.second].matches_prefix(names)

    def test_a_second_spelling_of_a_key_is_told(self) -> None:
        trie = trie_of(["a*?"])
        assert trie.add(parse_path_pattern(b"a?*"), "again") == "a*?"
        assert trie.add(parse_path_pattern(b"[a]?*"), "again") == "a*?"
        assert trie.ordered() == ("a*?",)

    def test_two_wildcards_for_the_same_names_are_one_key(self) -> None:
        trie = trie_of(["*/a"])
        assert trie.add(parse_path_pattern(b"?*/a"), "second") == "*/a"
        assert trie.conflicts() == ()

    def test_the_classic_table(self) -> None:
        order = trie_of(["", "*", "a*", "a", "a/b", "a/*", "*/b", "ab*", "a*/x"]).ordered()
        assert order == ("a/b", "a/*", "a", "ab*", "a*/x", "a*", "*/b", "*", "")

    def test_fighting_keys_show_a_shortest_path(self) -> None:
        (conflict,) = trie_of(["a*/x/y", "*b/[xz]"]).conflicts()
        assert conflict.path == b"ab/x/y"

    def test_keys_that_part_later_do_not_fight(self) -> None:
        assert trie_of(["a*/x", "*b/y"]).conflicts() == ()


def seconds(count: int) -> float:
    texts = [f"d{n % 97}/e{n}/f*" if n % 5 == 0 else f"d{n % 97}/e{n}" for n in range(count)]
    best = 9e9
    for _ in range(3):
        begin = time.perf_counter()
        trie = trie_of(texts)
        assert len(trie.ordered()) == count
        assert trie.conflicts() == ()
        best = min(best, time.perf_counter() - begin)
    return best


def test_cost_grows_with_the_number_of_lines_and_no_faster() -> None:
    seconds(250)
    assert seconds(2000) < 8 * 4 * max(seconds(250), 0.001)
