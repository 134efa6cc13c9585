"""How a server is reached, as a manifest states it."""

from __future__ import annotations

from typing import Any

import pytest

from policy.connect import Connect
from policy.forms import Form, form_of
from policy.secrets import SecretCommand, SecretCredential, SecretFile, SecretVariable
from policy.sources import CommandSource, ServerSource
from policy.values import parse_absolute_path
from tests.strategies import checked, manifest, policy_of


def content(source: dict[str, Any]) -> dict[str, Any]:
    dump = {"kind": "dump", "from": "it", "to": "disk:/it", "keep": {"last": 2}}
    return manifest(sources={"it": source}, legs={"dump": dump}, routes=None)


def connect(kind: str, **said: Any) -> Connect:
    (source,) = policy_of(content({"kind": kind, "connect": said})).sources
    assert isinstance(source, ServerSource)
    return source.connect


def findings(source: dict[str, Any]) -> list[str]:
    return [
        one.message for one in checked(content(source)).findings if one.severity.value == "error"
    ]


def test_each_kind_of_server_knows_its_own_words() -> None:
    socket = parse_absolute_path("/run/x")
    found = connect("postgresql", socket="/run/x", port=5433, user="me", account="postgres")
    assert (found.socket, found.port, found.user, found.account) == (socket, 5433, "me", "postgres")
    found = connect("mysql", host="db", ca="/ca.pem", user="me")
    assert (found.host, found.authority) == ("db", parse_absolute_path("/ca.pem"))
    found = connect("etcd", endpoint="https://e:2379", ca="/a", cert="/b", key="/c")
    assert [str(one) for one in found.files] == ["/a", "/b", "/c"]
    assert connect("vault", address="https://v:8200", token={"variable": "T"}).secret is not None


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        ({"file": "/key"}, SecretFile(path=parse_absolute_path("/key"))),
        ({"credential": "db"}, SecretCredential(name="db")),
        ({"variable": "PASS"}, SecretVariable(name="PASS")),
        ({"command": ["pass", "db"]}, SecretCommand(run=("pass", "db"))),
    ],
)
def test_law_22_a_password_is_named_by_where_it_lies(said: dict[str, Any], secret: Any) -> None:
    assert connect("mysql", host="db", password=said).secret == secret


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"kind": "mysql", "connect": {"host": "a", "socket": "/b"}}, "host or socket"),
        ({"kind": "etcd", "connect": {"endpoint": "http://a", "key": "/b"}}, "name it as `cert`"),
        ({"kind": "etcd", "connect": {"endpoint": "a:2379"}}, "the URL names no host"),
        ({"kind": "etcd", "connect": {"endpoint": "ftp://a"}}, "neither http:// nor https://"),
        ({"kind": "mysql", "connect": {"password": "canary"}}, "'password' is a secret"),
        ({"kind": "mysql", "connect": {"token": {"file": "/a"}}}, ""),
        ({"kind": "redis", "connect": {"endpoint": "http://a"}}, ""),
        ({"kind": "vault", "connect": {"address": "http://me:canary@a"}}, "a user or a password"),
        ({"kind": "vault", "connect": {"address": "http://a/?x=canary"}}, "more than a server"),
        ({"kind": "etcd", "connect": {"endpoint": "http://a:1#canary"}}, "more than a server"),
        ({"kind": "etcd", "connect": {"endpoint": "http://a:1?"}}, "more than a server"),
        ({"kind": "postgresql", "connect": {"port": 0}}, ""),
        ({"kind": "command", "run": ["x"]}, "names no `file` and has no {directory}"),
        ({"kind": "command", "run": ["x", "{directory}"], "file": "f"}, "names a `file` and has"),
    ],
)
def test_what_cannot_be_meant_is_told(source: dict[str, Any], said: str) -> None:
    found = findings(source)
    assert found
    assert said in " ".join(found)
    assert "canary" not in " ".join(found)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.tar.gz", Form.TAR_GZIP),
        ("a.tgz", Form.TAR_GZIP),
        ("A.JSON", Form.JSON),
        ("a.xml", Form.XML),
        ("a.tar", Form.TAR),
        ("a.gz", Form.GZIP),
        ("json", Form.NONE),
        ("a.json.txt", Form.NONE),
    ],
)
def test_a_name_says_what_is_in_it(name: str, form: Form) -> None:
    assert form_of(name) is form
    assert form_of(name, "none") is Form.NONE
    (source,) = policy_of(content({"kind": "command", "run": ["x"], "file": name})).sources
    assert isinstance(source, CommandSource)
    assert source.form is form
