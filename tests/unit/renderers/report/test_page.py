"""The page as text: it is whole, it allows itself nothing else, and nothing hostile gets in."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from engine.records.reports import RunStatus
from engine.report.facts import LegRun
from renderers.report.page import report_page, shown
from tests.report_facts import NOW, homelab, homelab_facts, local, plan_of, ran

VOID = {"meta", "link", "br", "input", "use"}
HOSTILE = "<script>alert(1)</script>\"'`&{{7*7}}{% x %}\x1b[31m\x00\n\u202e\u2066\udcff</style>"
MANIFEST = rb"""
version: 1
host: pve
timezone: Europe/Sofia
destinations:
  disk: {path: "/mnt/<b>\"'&", media: "<i>hdd", site: home}
  nas: {ssh: "b@nas", path: "/copies", media: nas, site: away}
sources:
  data: {kind: tree, path: /srv/data}
legs:
  nightly: {kind: mirror, to: "disk:/<u>", schedule: "02:00", timeout: 5m}
  far: {kind: mirror, to: "nas:/x", schedule: "05:00", timeout: 5m}
routes:
  /srv/data: {leg: nightly, because: "</script><script>alert('because')</script>"}
  "/srv/data/<img src=x onerror=alert(1)>": {leg: far, because: "'>far"}
  /srv/data/none: {none: "\"><svg onload=alert(2)>"}
objectives:
  default: {copies: 3}
"""


class Reader(HTMLParser):
    """Elements of a page, their attributes and their text; what is not closed is told."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.raw: dict[str, str] = {}
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data) -> None:
        if self.stack and self.stack[-1] in {"style", "script"}:
            self.raw[self.stack[-1]] = data
        else:
            self.text.append(data)


@pytest.fixture(scope="module")
def page() -> Reader:
    return Reader(report_page(homelab_facts()).content.decode())


def attributes(page: Reader, name: str) -> list[str]:
    return [found[name] for _, found in page.elements if name in found]


def test_it_allows_itself_its_own_style_and_script_and_nothing_else(page: Reader) -> None:
    (policy,) = [
        found["content"]
        for tag, found in page.elements
        if tag == "meta" and found.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(one.split(" ", 1) for one in policy.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for tag in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.raw[tag].encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
    assert report_page(homelab_facts()).policy == f"{policy}; frame-ancestors 'none'"


def test_nothing_leads_out_of_it(page: Reader) -> None:
    assert [tag for tag, _ in page.elements if tag in {"iframe", "img", "object", "form"}] == []
    assert attributes(page, "src") == attributes(page, "style") == []
    assert [one for _, found in page.elements for one in found if one.startswith("on")] == []
    links = attributes(page, "href")
    assert [one for one in links if not one.startswith(("#", "data:image/svg+xml,"))] == []
    ids = attributes(page, "id")
    assert len(ids) == len(set(ids))
    assert [one for one in links if one.startswith("#") and one[1:] not in ids] == []
    for tag in ("style", "script"):
        assert not re.search(r"https?:|//[a-z]|url\(|@import|fetch|XMLHttp|import\(", page.raw[tag])


def test_the_same_facts_are_the_same_page() -> None:
    assert report_page(homelab_facts()) == report_page(homelab_facts())


def test_nothing_hostile_gets_in() -> None:
    facts = homelab_facts()
    bad = ran(local(0, 5), status=RunStatus.FAILED, reason=HOSTILE, mode=HOSTILE)
    first = facts.legs[0]
    hostile = replace(
        facts,
        healthy=False,
        runs=(LegRun(leg="sda-mirror", ran=bad), *facts.runs),
        legs=(replace(first, last=bad, not_told=HOSTILE), *facts.legs[1:]),
        faults=(HOSTILE,),
        notes=(HOSTILE,),
        keepings=tuple(
            replace(
                one,
                item=HOSTILE,
                why_not=HOSTILE,
                place=replace(one.place, names=(b"<script>\xff\xfe\x1b", b"\xe2\x80\xae")),
            )
            for one in facts.keepings
        ),
        generations=tuple(replace(one, leg=HOSTILE) for one in facts.generations),
    )
    content = report_page(hostile).content
    page = Reader(content.decode())
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert [one for _, found in page.elements for one in found if one.startswith("on")] == []
    text = "".join(page.text)
    assert "<script>alert(1)</script>\"'" in text
    assert "{{7*7}}{% x %}" in text
    assert r"\x1b[31m\x00\n\u202e\u2066\udcff" in text
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", content)
    assert not re.search("[\u0080-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffd]", text)


def test_nothing_hostile_gets_in_from_a_manifest() -> None:
    page = Reader(report_page(homelab_facts(plan_of(MANIFEST))).content.decode())
    text = "".join(page.text)
    assert "</script><script>alert('because')</script>" in text
    assert '"><svg onload=alert(2)>' in text
    assert "/srv/data/<img src=x onerror=alert(1)>" in text
    assert "/mnt/<b>\"'&" in text
    assert [tag for tag, _ in page.elements if tag in {"img", "b", "i", "u", "script"}].count(
        "script"
    ) == 1
    assert [one for _, found in page.elements for one in found if one.startswith("on")] == []


def test_what_no_person_can_see_is_an_escape() -> None:
    assert shown("a\u202eb\tc\u00a0d") == r"a\u202eb\tc\xa0d"
    assert shown("Грешка → ok, 日本 …") == "Грешка → ok, 日本 …"
    assert shown(7) == 7


def test_times_are_those_of_the_manifest() -> None:
    text = "".join(Reader(report_page(homelab_facts()).content.decode()).text)
    assert "times of Europe/Sofia" in text
    assert "Wed 25 Nov 2026, 07:40:00 EET" in text, "05:40 UTC in winter"


def test_commands_are_those_to_be_typed_here() -> None:
    text = report_page(
        homelab_facts(), typeable=lambda text: text.replace("policyctl ", "policyctl --here ")
    ).content.decode()
    assert "<code>policyctl --here run pvc-files</code>" in text


def test_a_plan_that_never_ran_is_a_page_as_well() -> None:
    plan = homelab()
    facts = homelab_facts(plan)
    empty = replace(
        facts,
        sources=(),
        legs=tuple(
            replace(one, last=None, last_success=None, age=None, items=()) for one in facts.legs
        ),
        rooms=(),
        keepings=(),
        runs=(),
        generations=(),
        acceptances=(),
        notes=(),
        healthy=True,
    )
    text = "".join(Reader(report_page(empty).content.decode()).text)
    assert "Nothing is copied here that could be judged" in text
    assert "No leg has run yet" in text
    assert "No leg of the plan keeps generations here." in text


def test_served_it_says_how_to_look_again() -> None:
    assert b"load the page again" in report_page(homelab_facts(), served=True).content
    assert b"load the page again" not in report_page(homelab_facts()).content


def test_a_clock_far_away_breaks_nothing() -> None:
    for years in (-8, 8):
        moment = NOW + timedelta(days=365 * years)
        Reader(report_page(replace(homelab_facts(), now=moment)).content.decode())
