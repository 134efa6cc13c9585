"""Showing the report to a browser on this machine, made anew at each load, until somebody ends it.

However it ends, nothing is left behind.
"""

from __future__ import annotations

import signal
import sqlite3
from http import HTTPStatus
from pathlib import Path

from engine.plan.stored import PlanUnreadable
from engine.system.apply.applied import RecordUnreadable
from engine.system.host.files import Unobservable
from engine.system.host.page_server import Answer, serving
from engine.system.host.signals import Interrupted, interruptible, wait_for_signal
from engine.system.state.state import StateUnusable
from policyctl.boundary import Refused
from policyctl.reporting import Report, read_report
from policyctl.views.console import tell, typeable
from renderers.report.page import Page, report_page

_BY_SIGNAL = 128
_HTML = "text/html; charset=utf-8"
_TOLD = (
    PlanUnreadable, RecordUnreadable, Refused, StateUnusable, Unobservable, sqlite3.Error, OSError
)  # fmt: skip


def page_of(report: Report, *, served: bool = False) -> Page:
    """The page, with commands as they are to be typed here."""
    return report_page(report.facts, typeable=typeable, served=served)


def serve(named: Path | None, root: Path, port: int) -> int:
    """Serve until Ctrl-C or a signal. Returns the exit code. Raises `Refused` for a taken port.

    Ctrl-C is how one is expected to leave, so it ends with 0; another signal as it does anywhere.
    """
    read_report(named, root)  # what cannot be shown at all is told here, not in a browser
    try:
        with interruptible(), serving(port, lambda: _answer(named, root), tell) as address:
            tell(f"policyctl: the report is at {address} ; Ctrl-C ends it")
            while True:
                wait_for_signal()
    except OSError as error:
        raise Refused(
            f"port {port} of this machine cannot be had: {error.strerror or error}; name another "
            "one, or 0 for any: `policyctl report --serve --port 0`"
        ) from error
    except Interrupted as ended:
        return 0 if ended.number == signal.SIGINT else _BY_SIGNAL + ended.number


def _answer(named: Path | None, root: Path) -> Answer:
    """The page of this moment; where it cannot be made, why."""
    try:
        page = page_of(read_report(named, root), served=True)
    except _TOLD as error:  # an apply may be under way: the next load tells
        sentence = typeable(f"policyctl: {error}")
        return Answer(
            content=f"{sentence}\n".encode("utf-8", "backslashreplace"),
            status=HTTPStatus.SERVICE_UNAVAILABLE,
        )
    return Answer(content=page.content, kind=_HTML, policy=page.policy)
