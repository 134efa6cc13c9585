"""Any text as a manifest gives a policy or positioned diagnostics, and in time."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

import policy.document
from engine.check import check_manifest
from policy.diagnostics import format_diagnostic
from policy.document import MAX_BYTES
from tests.strategies import REFERENCE, checked, manifest

REFERENCE_TEXT = REFERENCE.read_text()
TOKENS = re.findall(r"\s+|[\w./@-]+|.", REFERENCE_TEXT, re.DOTALL)
SPECIAL = [
    "\0",
    "\t",
    "\r",
    "\x0b",
    "\x0c",
    "\x1b",
    "\x7f",
    "\x85",
    "\u2028",
    "\ufeff",
    "\ufffe",
    "\ud7ff",
    "𝄞",
    "&a",
    "*a",
    "!!python/object:os.system ",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "? ",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "|",
    ">",
    "'",
    '"',
    "#",
    "<<: ",
    "~",
    "null",
    "[!",
    "**",
    "..",
    "\n  ",
    "1e999",
    ".inf",
    "-0",
    "0x10",
    "99999999999999999999",
    '"\\0"',
    '"\\ud800"',
    "{}",
    "[]",
]


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Fail where the block computes longer than it may; what else the machine does is no matter."""

    def late(_signal: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"still busy after {seconds} s")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def judge(data: bytes, seconds: int = 20) -> None:
    """Check the text; whatever is found must lie inside the file and read well."""
    with at_most(seconds):
        report = check_manifest(data, "any.yaml")
    # Lines end where YAML 1.1 ends them.
    text = data.decode("utf-8-sig", "replace") if len(data) <= MAX_BYTES else ""
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", text)
    assert report.findings or report.compilation is not None
    for one in report.findings:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", one.code)
        assert one.message
        assert one.origin.file == "any.yaml"
        assert 1 <= one.origin.line <= len(lines), one
        assert 1 <= one.origin.column <= len(lines[one.origin.line - 1]) + 1, one
        shown = format_diagnostic(one, report.lines)
        assert "\0" not in shown
        assert "\x1b" not in shown


class TestAnyText:
    """ "Any text as a manifest gives a policy or positioned diagnostics; never a traceback"."""

    @given(st.binary(max_size=200))
    def test_bytes(self, data: bytes) -> None:
        judge(data)

    @given(st.text(max_size=200))
    def test_text(self, text: str) -> None:
        judge(text.encode("utf-8", "surrogatepass"))

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.text(max_size=8), inner, max_size=3)
            ),
            max_leaves=12,
        )
    )
    def test_any_value(self, value: object) -> None:
        judge(yaml.safe_dump(value, allow_unicode=True).encode())

    @given(
        st.sampled_from(sorted(manifest())),
        st.recursive(
            st.none() | st.booleans() | st.integers(-3, 400) | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "kind",
                            "to",
                            "path",
                            "from",
                            "/srv/data",
                            "x:",
                            "",
                            "mirror",
                            "leg",
                            "none",
                        ]
                    ),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=8,
        ),
    )
    def test_a_section_of_any_shape(self, section: str, value: object) -> None:
        with at_most(20):
            checked({**manifest(), section: value})


class TestMutations:
    """The reference manifest with something wrong in it."""

    @given(
        st.lists(
            st.tuples(
                st.integers(0, len(TOKENS) - 1),
                st.sampled_from(["delete", "twice", "special", "other"]),
                st.sampled_from(SPECIAL),
                st.integers(0, len(TOKENS) - 1),
            ),
            min_size=1,
            max_size=3,
        )
    )
    def test_tokens(self, changes: list[tuple[int, str, str, int]]) -> None:
        tokens = list(TOKENS)
        for at, what, special, other in changes:
            tokens[at] = {
                "delete": "",
                "twice": tokens[at] * 2,
                "special": special,
                "other": TOKENS[other],
            }[what]
        judge("".join(tokens).encode("utf-8", "surrogatepass"))

    @given(st.data())
    def test_scalars(self, data: st.DataObject) -> None:
        content = yaml.load(REFERENCE_TEXT, Loader=yaml.BaseLoader)
        content["version"] = 1
        node, step = content, None
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            assume(keys)
            step = data.draw(st.sampled_from(keys))
            child = node[step]
            if not isinstance(child, dict | list) or data.draw(st.integers(0, 9)) == 0:
                break
            node = child
        node[step] = data.draw(
            st.sampled_from(
                [
                    "",
                    " ",
                    "x",
                    "/",
                    "//",
                    "/..",
                    "a:",
                    ":",
                    "sda:/",
                    "sda:",
                    "1",
                    "100%",
                    "0s",
                    "1h",
                    "9999999999d",
                    "*:*:*",
                    "Sun 03:00",
                    "2030-02-30",
                    "**",
                    "[",
                    "*",
                    "{source}",
                    "{x}",
                    "\0",
                    "\n",
                    "é",
                    "-" * 5000,
                    [],
                    {},
                    [{}],
                    {"a": "b"},
                    True,
                    False,
                    None,
                    0,
                    -1,
                    2**70,
                    1.5,
                ]
            )
        )
        judge(json.dumps(content).encode())

    @given(st.integers(0, len(REFERENCE_TEXT)), st.sampled_from(SPECIAL))
    def test_inserted_anywhere(self, at: int, what: str) -> None:
        text = REFERENCE_TEXT[:at] + what + REFERENCE_TEXT[at:]
        judge(text.encode("utf-8", "surrogatepass"))

    @given(st.integers(0, len(REFERENCE_TEXT)), st.integers(1, 400))
    def test_cut(self, at: int, length: int) -> None:
        judge((REFERENCE_TEXT[:at] + REFERENCE_TEXT[at + length :]).encode())
        judge(REFERENCE_TEXT[:at].encode())


def many(count: int) -> bytes:
    rows = "".join(f"  /srv/data/{number:06}: mirror\n" for number in range(count))
    return text_with("routes:\n  /srv/data: mirror\n" + rows)


def text_with(tail: str) -> bytes:
    head = """\
version: 1
host: pve
timezone: UTC
destinations: {disk: {path: /mnt/disk, media: hdd, site: home}}
sources: {data: {kind: tree, path: /srv/data}}
legs: {mirror: {kind: mirror, to: "disk:/"}}
"""
    return (head + tail).encode()


HEAVY = {
    "deep flow lists": b"[" * 1_000_000,
    "deep flow maps": b"{" * 1_000_000,
    "deep keys": b"{a: " * 200_000,
    "deep block": b"".join(b" " * depth + b"a:\n" for depth in range(2000)),
    "deep dashes": b"- " * 100_000,
    "question marks": b"? " * 100_000,
    "nested in the shape": text_with("x: " + "[" * 31 + "]" * 31),
    "bombs of aliases": b"a: &a [x]\n"
    + b"".join(
        b"b%d: &b%d [*%s, *%s]\n" % (n, n, *(2 * (b"a" if n == 0 else b"b%d" % (n - 1),)))
        for n in range(60)
    ),
    "ten megabytes of junk": b"\x00\xff{[:!&*" * 1_300_000,
    "ten megabytes of letters": b"a" * 10_000_000,
    "four megabytes of letters": b"a" * 4_000_000,
    "four megabytes of quotes": b"'" * 4_000_000,
    "four megabytes of one line": b"a: " + b"b " * 1_900_000,
    "many list items": b"- a\n" * 1_000_000,
    "many unknown keys": b"".join(b"k%06d: 1\n" % number for number in range(40_000)),
    "one key many times": b"a: 1\n" * 190_000,
    "many bad routes": text_with(
        "routes:\n" + "".join(f"  /srv/data/{n}: []\n" for n in range(3000))
    ),
    "a long key": text_with(f'routes: {{"/srv/data": mirror, "/srv/data/{"a" * 5000}": mirror}}'),
    "a long path": text_with(f'routes: {{"/srv/data": mirror, "/srv/data{"/a" * 2500}": mirror}}'),
    "a deep path": text_with(f'routes: {{"/srv/data": mirror, "/srv/data{"/a" * 2000}": mirror}}'),
    "tabs": b"version:\t1\n\thost: x\n",
    "byte order marks": b"\xef\xbb\xbf" * 3 + b"version: 1\n",
    "another encoding": "version: 1\nhost: é\n".encode("utf-16"),
    "line separators": "version: 1\u2028host: x\u2029\x85y: [\n".encode(),
    "only line ends": b"\r\n\r\n",
    "a document end": b"...\n",
    "two documents": b"a: 1\n---\nb: 1\n",
    "a directive": b"%TAG ! x:\n---\n!y a: 1\n",
}


@pytest.mark.parametrize("name", HEAVY)
def test_heavy_text_neither_hangs_nor_breaks(name: str) -> None:
    judge(HEAVY[name], seconds=30)


def test_many_routes_end_in_time() -> None:
    judge(many(5000), seconds=60)


def wild(*components: str) -> bytes:
    rows = "".join(f"  {json.dumps('/srv/data/' + one)}: mirror\n" for one in components)
    return text_with("routes:\n  /srv/data: mirror\n" + rows)


@pytest.mark.parametrize(
    "pair",
    [
        ("*a" + "?" * 30, "*[ab]" + "?" * 30),
        ("*a" + "?" * 30 + "*", "*b" + "?" * 30 + "*"),
        ("*[ab]" + "?" * 40, "*[bc]" + "?" * 41),
        ("*a*b*c*d*e*f*g*h*i*j*k", "*k*j*i*h*g*f*e*d*c*b*a"),
        ("*a" * 60, "*b" * 60),
        ("?*" * 40 + "a", "*a" + "?" * 20 + "*"),
    ],
)
def test_patterns_that_explode_are_told_apart_or_refused_in_time(pair: tuple[str, str]) -> None:
    judge(wild(*pair), seconds=4)


@pytest.mark.slow
def test_ignores_that_explode_end_in_time() -> None:
    rows = "".join(f"  {json.dumps('*a' + '?' * n + 'b*')}: litter\n" for n in range(2, 22))
    judge(text_with("routes:\n  /srv/data: mirror\nignore:\n" + rows), seconds=180)


@pytest.mark.parametrize(("count", "disks"), [(30, 1), (200, 200)])
def test_legs_in_a_long_row_end_in_time(count: int, disks: int) -> None:
    legs = {
        f"leg{number:04}": {
            "kind": "mirror",
            "to": f"disk{number % disks}:/{number}",
            "from": f"tree{number:04}",
            "schedule": "02:00",
            "timeout": "1m",
            **({"after": [f"leg{number - 1:04}"]} if number else {}),
        }
        for number in range(count)
    }
    sources = {f"tree{n:04}": {"kind": "tree", "path": f"/srv/{n}"} for n in range(count)}
    places = {
        f"disk{n}": {"path": f"/mnt/{n}", "media": "hdd", "site": "home"} for n in range(disks)
    }
    with at_most(60):
        checked(manifest(legs=legs, sources=sources, destinations=places, routes={}))


def test_legs_that_feed_each_other_in_a_row_end_in_time() -> None:
    places = {
        f"disk{n:03}": {"path": f"/mnt/{n}", "media": "hdd", "site": "home"} for n in range(60)
    }
    legs = {
        f"leg{n:03}": {
            "kind": "mirror",
            "to": f"disk{n:03}:/",
            "schedule": "02:00",
            "from": f"disk{n - 1:03}" if n else "data",
        }
        for n in range(60)
    }
    with at_most(60):
        checked(manifest(destinations=places, legs=legs, routes={}))


@pytest.mark.parametrize(("char", "length"), [("a", 4060), ("\\\\", 1998)])
def test_rules_that_would_be_too_long_are_told(length: int, char: str) -> None:
    names = "/".join([char * 1] * (length // 2))
    content = manifest(
        sources={name: {"kind": "tree", "path": f"/srv/{name}"} for name in ("data", "more")},
        legs={
            "mirror": {"kind": "mirror", "to": "disk:/"},
            "inner": {"kind": "mirror", "from": "more", "to": f"disk:/{names}"},
        },
    )
    with at_most(20):
        checked(content)
        checked(manifest(routes={"/srv/data": "mirror", f"data:{names}": {"none": "x"}}))
        checked(manifest(ignore={f"/{names}/": "x", f"/{names}": "x"}))


@given(st.text(max_size=60))
def test_the_pure_python_reader_breaks_no_sooner(text: str) -> None:
    """libyaml is not everywhere; the reader in its place must not raise anything else either."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(policy.document, "_LOADER", yaml.SafeLoader)
        judge(text.encode("utf-8", "surrogatepass"))
        quoted = json.dumps(text)
        judge(
            text_with(
                f"routes: {{/srv/data: mirror, {quoted}: {quoted}}}\nignore: {{{quoted}: {quoted}}}"
            )
        )
