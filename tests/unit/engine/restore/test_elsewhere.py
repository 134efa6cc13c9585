"""What of a directory rides another leg than it does."""

from __future__ import annotations

import pytest

from engine.restore.elsewhere import parts_elsewhere
from tests.integration.lab import compiled, manifest

TEXT = (
    manifest()
    .replace(
        "routes:",
        '  second: {kind: mirror, to: "disk:/second", schedule: "03:00", timeout: 5m}\nroutes:',
    )
    .replace('to: "disk:/"', 'to: "disk:/first"')
    + """\
  /srv/data/a/deep: second
  /srv/data/a/same: nightly
  /srv/data/b/*/cache: {none: "made anew"}
"""
)


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ((), ["/srv/data/a/deep", "/srv/data/b/*/cache"]),
        ((b"a",), ["/srv/data/a/deep"]),
        ((b"a", b"deep"), []),
        ((b"a", b"deep", b"er"), []),
        ((b"b",), ["/srv/data/b/*/cache"]),
        ((b"b", b"x"), ["/srv/data/b/*/cache"]),
        ((b"c",), []),
    ],
)
def test_lines_below_a_path_that_decide_otherwise(
    path: tuple[bytes, ...], parts: list[str]
) -> None:
    table = compiled(TEXT).table("data")
    assert [one.text for one in parts_elsewhere(table, path)] == parts


def test_what_no_route_feeds_has_no_such_parts() -> None:
    assert parts_elsewhere(None, (b"a",)) == ()
