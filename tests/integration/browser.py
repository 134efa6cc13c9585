"""A real Chromium without a window, driven by the W3C WebDriver protocol over plain HTTP.

The few requests that a test needs are shorter than a library for all of them. Whatever the page
would fetch is counted, and nothing outside of this machine can be reached: the proxy that the
browser is given does not exist.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

PATIENCE = 60
SEARCH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
_STARTED = re.compile(rb"started successfully on port (\d+)")
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--disable-extensions", "--hide-scrollbars"),
    *("--proxy-server=http://127.0.0.1:9", "--proxy-bypass-list=127.0.0.1"),
    "--force-device-scale-factor=1",
)


class Browser:
    """One session."""

    def __init__(self, port: int, profile: Path) -> None:
        self._port = port
        self._session = ""
        self._clock = ""
        options = {
            "binary": shutil.which("chromium", path=SEARCH),
            "args": [*_FLAGS, f"--user-data-dir={profile}"],
        }
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        begun = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{begun['sessionId']}"
        self.cdp("Network.enable")
        self.scheme("light")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        content = json.dumps(body or {}) if method == "POST" else None
        connection.request(method, path, content, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        found = json.loads(answer.read())["value"]
        connection.close()
        assert answer.status == 200, found
        return found

    def cdp(self, command: str, **parameters: Any) -> Any:
        """A command of Chromium's own."""
        body = {"cmd": command, "params": parameters}
        return self._ask("POST", f"{self._session}/goog/cdp/execute", body)

    def size(self, width: int, height: int = 900) -> None:
        """Be a screen of that size; a narrow one is a phone."""
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def scheme(self, name: str) -> None:
        """Be of somebody who prefers `light` or `dark`, and nothing that moves by itself."""
        wanted = {"prefers-color-scheme": name, "prefers-reduced-motion": "reduce"}
        features = [{"name": one, "value": value} for one, value in wanted.items()]
        self.cdp("Emulation.setEmulatedMedia", features=features)

    def scripts(self, *, allowed: bool) -> None:
        """Let pages run scripts, or not."""
        self.cdp("Emulation.setScriptExecutionDisabled", value=not allowed)

    def clock(self, moment: datetime | None) -> None:
        """Let pages that are opened from now on believe that it is then; None: as it is."""
        if self._clock:
            self.cdp("Page.removeScriptToEvaluateOnNewDocument", identifier=self._clock)
            self._clock = ""
        if moment is not None:
            source = f"Date.now = () => {int(moment.timestamp() * 1000)};"
            added = self.cdp("Page.addScriptToEvaluateOnNewDocument", source=source)
            self._clock = added["identifier"]

    def open(self, address: str) -> None:
        """Load a page."""
        self._ask("POST", f"{self._session}/url", {"url": address})

    def run(self, script: str, *arguments: object) -> Any:
        """What a function's body returns in the page."""
        body = {"script": script, "args": list(arguments)}
        return self._ask("POST", f"{self._session}/execute/sync", body)

    def click(self, selector: str) -> None:
        """Click as a person does: it has to be there, seen, and under nothing else."""
        found = self._ask(
            "POST", f"{self._session}/element", {"using": "css selector", "value": selector}
        )
        element = f"{self._session}/element/{found[_ELEMENT]}"
        self._ask("POST", f"{element}/click")

    def keys(self, text: str) -> None:
        """Type keys, each pressed and let go."""
        actions = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        body = {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}
        self._ask("POST", f"{self._session}/actions", body)

    def seen(self, selector: str) -> int:
        """How many elements of a selector take room on the page."""
        script = (
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter(one => one.getClientRects().length > 0).length"
        )
        return int(self.run(script, selector))

    def complaints(self) -> list[str]:
        """What the console holds since it was asked last."""
        logs = self._ask("POST", f"{self._session}/se/log", {"type": "browser"})
        return [one["message"] for one in logs]

    def requests(self) -> list[str]:
        """What was fetched since it was asked last, embedded data aside."""
        logs = self._ask("POST", f"{self._session}/se/log", {"type": "performance"})
        told = [json.loads(one["message"])["message"] for one in logs]
        found = [
            one["params"]["request"]["url"]
            for one in told
            if one["method"] == "Network.requestWillBeSent"
        ]
        return [one for one in found if not one.startswith(("data:", "chrome:"))]

    def picture(self, file: Path) -> None:
        """The whole page as an image."""
        size = self.cdp("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.cdp(
            "Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip
        )
        file.write_bytes(base64.b64decode(shot["data"]))

    def printed(self, file: Path) -> None:
        """The page on paper (A4), as a PDF."""
        body = {"page": {"width": 21.0, "height": 29.7}, "background": True}
        file.write_bytes(base64.b64decode(self._ask("POST", f"{self._session}/print", body)))

    def close(self) -> None:
        """End the browser."""
        self._ask("DELETE", self._session)


@contextmanager
def browsing(folder: Path) -> Iterator[Browser]:
    """A browser with an empty profile in a folder of its own."""
    program = shutil.which("chromedriver", path=SEARCH)
    assert program is not None
    home = folder / "browser"
    home.mkdir()
    driver = subprocess.Popen(
        [program, "--port=0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PATH": SEARCH, "HOME": str(home), "LANG": "C.UTF-8"},
        start_new_session=True,
    )
    try:
        browser = Browser(_port(driver), home / "profile")
        try:
            yield browser
        finally:
            browser.close()
    finally:
        os.killpg(driver.pid, signal.SIGTERM)
        driver.wait(PATIENCE)
        assert driver.stdout is not None
        driver.stdout.close()


def _port(driver: subprocess.Popen[bytes]) -> int:
    assert driver.stdout is not None
    for line in driver.stdout:
        found = _STARTED.search(line)
        if found is not None:
            return int(found[1])
    raise AssertionError("chromedriver did not start")
