"""What of a Secret a job is handed, by what its source names."""

from __future__ import annotations

from typing import Any

import pytest

from engine.cluster.handed import in_a_job
from engine.cluster.no_job import NoJob
from policy.parts import KubernetesRunner
from policy.sources import ServerSource
from tests.strategies import manifest, policy_of

ENDPOINTS = {
    "etcd": {"endpoint": "https://etcd:2379"},
    "vault": {"address": "https://vault:8200"},
}
BELIEVED = {"ca": "/etc/policyctl/ca.pem"}
CLIENT = {"cert": "/pki/c.crt", "key": "/pki/c.key"}


def handed(kind: str, secret: str | None = "of-it", **connect: Any) -> set[str]:
    reached = ENDPOINTS.get(kind, {"host": "db.apps"})
    source = policy_of(
        manifest(
            sources={
                "data": {"kind": "tree", "path": "/srv/data"},
                "it": {"kind": kind, "connect": {**reached, **connect}},
            },
            routes={"/srv/data": "mirror", "it:": {"none": "x"}},
        )
    ).source("it")
    assert isinstance(source, ServerSource)
    found, keys = in_a_job(source, KubernetesRunner(namespace="apps", secret=secret))
    if not connect:
        assert found.connect.secret or found.connect.certificate or not secret
    return {one.key for one in keys}


@pytest.mark.parametrize(
    ("kind", "key"),
    [("postgresql", "password"), ("mysql", "password"), ("redis", "password"), ("vault", "token")],
)
def test_whom_to_believe_opens_no_server(kind: str, key: str) -> None:
    """So it leaves the convention as it is."""
    assert handed(kind) == {key}
    assert handed(kind, **BELIEVED) == {key, "ca.pem"}


def test_a_secret_of_its_own_is_the_one() -> None:
    password = {"credential": "mine"}
    assert handed("postgresql", password=password, **BELIEVED) == {"mine", "ca.pem"}


def test_etcd_shows_a_certificate_by_convention_where_neither_part_of_it_is_named() -> None:
    assert handed("etcd") == {"ca.crt", "tls.crt", "tls.key"}
    assert handed("etcd", **BELIEVED) == {"ca.pem", "tls.crt", "tls.key"}
    assert handed("etcd", **CLIENT) == {"c.crt", "c.key"}
    assert handed("etcd", cert="/pki/both.pem") == {"both.pem"}


def test_certificates_without_a_secret_lie_in_the_image_where_a_system_has_them() -> None:
    assert handed("redis", secret=None, ca="/etc/ssl/certs/home.pem") == set()
    for path in ("/etc/policyctl/ca.pem", "/etc/sslx/ca.pem"):
        with pytest.raises(NoJob, match=r"it needs 'ca.pem', and its runner names no `secret`"):
            handed("redis", secret=None, ca=path)
    assert handed("redis", ca="/etc/ssl/certs/home.pem") == {"password", "home.pem"}
