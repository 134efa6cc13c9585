"""The report in a real Chromium: it is looked at, clicked through and printed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from renderers.report.page import report_page
from tests.integration.browser import Browser, browsing
from tests.report_facts import NOW, homelab_facts

pytestmark = pytest.mark.tool("chromium", "chromedriver")
DESK, PHONE = 1280, 390
WIDTHS = pytest.mark.parametrize("width", [DESK, PHONE])
TOO_WIDE = """
const most = document.documentElement.clientWidth;
const inside = (one) => one.closest(".flow, .unseen, .drawings, .skip, thead");
return [...document.querySelectorAll("body *")]
  .filter((one) => !inside(one) && one.getClientRects().length)
  .filter((one) => one.getBoundingClientRect().right > most + 0.5)
  .map((one) => `${one.tagName}.${one.getAttribute("class")}`);
"""
SQUEEZED = """
const box = (one) => {
  const range = document.createRange();
  range.selectNodeContents(one);
  return range.getBoundingClientRect();
};
return [...document.querySelectorAll(".rows td, .rows th, .concerns p, .card p")]
  .filter((one) => box(one).height > 150 && box(one).width < 60)
  .map((one) => one.textContent.slice(0, 60));
"""
CLIPPED = """
return [...document.querySelectorAll(".flow text")].filter((one) => {
  const box = one.parentElement.querySelector("rect").getBBox();
  const text = one.getBBox();
  return text.x + text.width > box.x + box.width || text.y < box.y;
}).map((one) => one.textContent);
"""
CONTRAST = """
const light = (c) => (c <= 10 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
const colour = (text) => {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const ground = (one) => {
  for (; one; one = one.parentElement) {
    const found = colour(getComputedStyle(one).backgroundColor);
    if (found[3] === 255) return found;
  }
  return [255, 255, 255, 255];
};
const poor = new Set();
for (const one of document.querySelectorAll("body *:not(svg *)")) {
  const text = [...one.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
  if (!text || !one.getClientRects().length || one.closest(".future, .unseen")) continue;
  const style = getComputedStyle(one);
  const [a, b] = [luminance(colour(style.color)), luminance(ground(one))].sort((x, y) => y - x);
  if ((a + 0.05) / (b + 0.05) < 4.5) {
    poor.add(`${one.tagName}.${one.className}: ${one.textContent.slice(0, 30)}`);
  }
}
return [...poor];
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_bytes(report_page(homelab_facts()).content)
    return file


def opened(browser: Browser, page: Path, width: int, *, now: datetime = NOW) -> Browser:
    browser.clock(now)
    browser.size(width)
    browser.requests()
    browser.complaints()
    browser.open(page.as_uri())
    return browser


@WIDTHS
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_is_readable_and_fetches_nothing(
    browser: Browser, page: Path, width: int, scheme: str
) -> None:
    browser.scheme(scheme)
    found = opened(browser, page, width)
    found.run("for (const one of document.querySelectorAll('details')) one.open = true")
    assert found.run("return document.documentElement.scrollWidth") <= width
    assert found.run(TOO_WIDE) == []
    assert found.run(SQUEEZED) == []
    assert found.run(CLIPPED) == []
    assert found.run(CONTRAST) == []
    dark = found.run("return getComputedStyle(document.body).backgroundColor")
    assert (dark == "rgb(17, 20, 23)") is (scheme == "dark")
    assert found.complaints() == []
    assert found.requests() == [page.as_uri()]


@WIDTHS
def test_it_answers_at_one_glance(browser: Browser, page: Path, width: int) -> None:
    found = opened(browser, page, width)
    bottom = found.run("return document.querySelector('.glance').getBoundingClientRect().bottom")
    assert bottom < 900, "the answer stands on the first screen"
    assert found.run("return document.querySelector('h1').textContent").startswith("At risk: nfs")


def test_a_page_that_was_made_long_ago_says_so(browser: Browser, page: Path) -> None:
    for hours, said in ((11, ""), (13, "13 hours"), (71, "71 hours"), (72, "3 days"), (-5, "")):
        found = opened(browser, page, DESK, now=NOW + timedelta(hours=hours))
        assert found.seen("#old") == bool(said)
        if said:
            text = found.run("return document.querySelector('#old').textContent")
            assert text == f"This page is {said} old: what it calls safe may not be so any more."


@WIDTHS
def test_filters_pick_out_sources_and_runs(browser: Browser, page: Path, width: int) -> None:
    found = opened(browser, page, width)
    every = found.seen("#sources tbody tr")
    found.click('[data-filter="sources"] [data-kind="at-risk"]')
    assert found.seen("#sources tbody tr") == found.seen("#sources .state.risk") == 2
    assert found.run("return document.activeElement.getAttribute('aria-pressed')") == "true"
    found.click('[data-filter="sources"] [data-kind="safe"]')
    assert 0 < found.seen("#sources tbody tr") == found.seen("#sources .state.safe") < every
    found.click('[data-filter="sources"] [data-kind=""]')
    assert found.seen("#sources tbody tr") == every

    runs = found.seen("#last-runs tbody")
    found.click('[data-filter="last-runs"] [data-kind="bad"]')
    assert found.seen("#last-runs tbody") == 3
    assert "No space left" in found.run("return document.querySelector('#last-runs').innerText")
    found.run(
        "const one = document.querySelector('[data-filter] select'); one.value = 'offsite';"
        "one.dispatchEvent(new Event('change'))"
    )
    assert found.seen("#last-runs tbody") == 0
    assert found.seen('[data-empty="last-runs"]') == 1
    found.click('[data-filter="last-runs"] [data-kind=""]')
    assert 0 < found.seen("#last-runs tbody") < runs
    assert found.complaints() == []


def test_a_source_can_be_picked_out_in_the_picture(browser: Browser, page: Path) -> None:
    found = opened(browser, page, DESK)
    number = found.run(
        "return [...document.querySelectorAll('[data-pick] button')]"
        ".find((one) => one.textContent === 'pvcs').dataset.number"
    )
    found.click(f'[data-pick] [data-number="{number}"]')
    shown = found.run(
        "return [...document.querySelectorAll('.flow .box.on')]"
        ".map((one) => one.querySelector('title').textContent.split(':')[0])"
    )
    assert {"source pvcs", "leg lvm-snapshots", "leg pvc-files", "destination sda"} <= set(shown)
    assert "leg sda-mirror" not in shown
    assert (
        found.run("return getComputedStyle(document.querySelector('.box:not(.on)')).opacity") < "1"
    )
    found.click('[data-pick] [data-number=""]')
    assert found.seen(".flow .on") == 0


@WIDTHS
def test_everything_unfolds_and_links_lead_somewhere(
    browser: Browser, page: Path, width: int
) -> None:
    found = opened(browser, page, width)
    count = int(found.run("return document.querySelectorAll('details').length"))
    assert count > 5
    for at in range(count):
        found.run(
            "const one = document.querySelectorAll('details')[arguments[0]];"
            "one.dataset.at = arguments[0]; one.scrollIntoView({block: 'center'})",
            at,
        )
        found.click(f'details[data-at="{at}"] > summary')
        assert found.run("return document.querySelectorAll('details[open]').length") == at + 1
    found.click('nav a[href="#generations"]')
    assert found.run("return location.hash") == "#generations"
    assert found.complaints() == []


def test_by_keyboard_alone(browser: Browser, page: Path) -> None:
    found = opened(browser, page, DESK)
    found.keys("\ue004")  # Tab
    assert found.run("return document.activeElement.className") == "skip"
    found.run("document.querySelector('#parts > summary').focus()")
    found.keys("\ue007")  # Enter
    assert found.run("return document.querySelector('#parts').open") is True
    found.run('document.querySelector(\'[data-filter="sources"] [data-kind="safe"]\').focus()')
    found.keys(" ")
    assert found.seen("#sources .state.risk") == 0


def test_without_scripts_everything_is_there_and_no_button(browser: Browser, page: Path) -> None:
    browser.scripts(allowed=False)
    try:
        opened(browser, page, DESK)
        assert browser.seen(".filter") == 0
        assert browser.seen("#sources tbody tr") > 5
        assert browser.seen("#last-runs tbody") > 20
        assert browser.complaints() == []
    finally:
        browser.scripts(allowed=True)


def test_it_is_printed_with_what_is_folded(browser: Browser, page: Path, tmp_path: Path) -> None:
    found = opened(browser, page, DESK)
    found.printed(tmp_path / "report.pdf")
    content = (tmp_path / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert 2 <= content.count(b"/Type /Page\n") <= 16, "no list of thousands"
    assert found.run("return document.querySelectorAll('details[open]').length") == 0


def test_landmarks_and_names(browser: Browser, page: Path) -> None:
    found = opened(browser, page, DESK)
    tree = found.cdp("Accessibility.getFullAXTree")["nodes"]
    roles = [one["role"]["value"] for one in tree if "role" in one]
    assert {"banner", "main", "navigation", "contentinfo"} <= set(roles)
    nameless = [
        one["role"]["value"]
        for one in tree
        if one.get("role", {}).get("value")
        in {"button", "link", "img", "image", "combobox", "table"}
        and not one.get("name", {}).get("value")
        and not one.get("ignored")
    ]
    assert [one for one in nameless if one != "table"] == []
    levels = found.run(
        "return [...document.querySelectorAll('h1,h2,h3,h4')].map((one) => +one.tagName[1])"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_program_that_drives_it_ends(tmp_path: Path) -> None:
    with browsing(tmp_path) as found:
        found.size(DESK)
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) not in left
