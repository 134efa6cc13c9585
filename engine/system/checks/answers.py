"""Asking a URL: one GET, with the secrets that its header needs."""

from __future__ import annotations

import os
import ssl
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from engine.checks.judge import failed, judge_answer
from engine.checks.outcome import Verdict
from engine.system.host.secrets import read_secret
from policy.checks import HttpCheck

_MOST = 1 << 20
"""Bytes of an answer that are read."""
_IN_TIME = 0.9
"""The share of the limit for one answer: whoever is late is still told apart by the reason."""


def ask(check: HttpCheck, root: bytes) -> Verdict:
    """What the server has answered. Raises `NoSecret` and, of its certificates, `OSError`."""
    headers = {"User-Agent": "policyctl"}
    for one in check.headers:
        value = read_secret(one.secret, root) if one.secret is not None else one.value
        headers[one.name] = value
    request = Request(check.url, headers=headers)  # noqa: S310 - http and https alone, by the manifest
    try:
        with _opener(check, root).open(request, timeout=_IN_TIME * check.timeout.seconds) as answer:
            return judge_answer(check, answer.status, answer.reason, answer.read(_MOST))
    except HTTPError as error:
        with error:
            return judge_answer(check, error.code, str(error.reason), error.read(_MOST))
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        late = f"not within {check.timeout}" if isinstance(reason, TimeoutError) else ""
        return failed(f"{check.url} does not answer: {late or _sentence(reason)}")


def _sentence(reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not believed: {reason.verify_message}"
    if isinstance(reason, OSError):
        return reason.strerror or str(reason)
    return type(reason).__name__ if isinstance(reason, Exception) else str(reason)


def _opener(check: HttpCheck, root: bytes) -> OpenerDirector:
    """No proxy of the environment: what is asked is the server itself."""
    authority = None
    if check.authority is not None:
        authority = os.fsdecode(root + check.authority.text)
    context = ssl.create_default_context(cafile=authority)
    return build_opener(ProxyHandler({}), HTTPSHandler(context=context), _SameHost())


class _SameHost(HTTPRedirectHandler):
    """Follows where the header's secrets may go: to the same host, as well protected."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """None leaves the answer as it is: a redirect."""
        before, after = urlsplit(req.full_url), urlsplit(urljoin(req.full_url, newurl))
        if (before.scheme, before.netloc) != (after.scheme, after.netloc):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)
