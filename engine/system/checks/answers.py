"""Asking a URL: one GET, with the secrets that its header needs."""

from __future__ import annotations

import os
import ssl
from http.client import HTTPException, HTTPMessage, responses
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
from engine.checks.outcome import Status, Verdict
from engine.system.host.secrets import NoSecret, read_secret
from policy.checks import HttpCheck

_MOST = 1 << 20
"""Bytes of an answer that are read."""
_IN_TIME = 0.9
"""The share of the limit for one answer: whoever is late is still told apart by the reason."""


def ask(check: HttpCheck, root: bytes) -> Verdict:
    """What the server has answered. Raises `NoSecret` and, of its certificates, `OSError`.

    Of what the server says only the status is told: the rest may hold the secret that it was sent.
    """
    request = Request(check.url, headers=_headers(check, root))  # noqa: S310 - http and https alone
    opener = _opener(check, root)
    try:
        status, body, whole = _answer(opener, request, _IN_TIME * check.timeout.seconds)
    except (HTTPException, OSError, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        late = f"not within {check.timeout}" if isinstance(reason, TimeoutError) else ""
        return failed(f"{check.url} does not answer: {late or _sentence(reason)}")
    verdict = judge_answer(check, status, responses.get(status, ""), body)
    if verdict.status is Status.OK and not whole:
        return failed(f"the answer of {check.url} was cut off")
    return verdict


def _headers(check: HttpCheck, root: bytes) -> dict[str, str]:
    found = {"User-Agent": "policyctl"}
    patience = check.timeout.seconds / 2  # whoever prints it is ended before this process is
    for one in check.headers:
        value = one.value
        if one.secret is not None:
            value = read_secret(one.secret, root, patience=patience)
        if not value.isascii():
            raise NoSecret(f"the value of {one.name} is no ASCII, which a header has to be")
        found[one.name] = value
    return found


def _answer(opener: OpenerDirector, request: Request, seconds: float) -> tuple[int, bytes, bool]:
    """Status, beginning of the body, and whether all that was announced has come."""
    try:
        answer = opener.open(request, timeout=seconds)
    except HTTPError as error:
        with error:
            return error.code, error.read(_MOST), True
    with answer:
        body = answer.read(_MOST)
        return answer.status, body, len(body) == _MOST or not answer.length


def _sentence(reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not believed: {reason.verify_message}"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    # What a library says may quote what was sent or has come.
    return type(reason).__name__


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
