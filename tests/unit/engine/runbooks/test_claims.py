"""The pages of what lies on a claim: nothing of it is on the host that prints them."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import kubernetes_validate
import pytest

from renderers.docs import render_docs
from tests.runbooks import sections
from tests.strategies import compiled, manifest

EXPORTED = {"kind": "tree", "path": "/srv/data", "export": "192.0.2.10:/exports/data"}
PHOTOS = {"kind": "tree", "path": "/photos"}
VERSIONS = {"kind": "versions", "preserve": ["times"]}
VAULT = {"kind": "sqlite", "path": "/data/db.sqlite3"}


def page(source: dict[str, Any], leg: dict[str, Any], **runner: Any) -> str:
    where = {"namespace": "apps", "volume": "apps/library", **runner}
    content = manifest(
        sources={"data": EXPORTED, "it": source},
        legs={
            "mirror": {"kind": "mirror", "to": "disk:/"},
            "copy": _given(
                {
                    "from": "it",
                    "to": "data:/v",
                    "keep": {"last": 2},
                    "schedule": "02:00",
                    "runner": {"kubernetes": where},
                    **leg,
                }
            ),
        },
    )
    pages = {one.path: one.content for one in render_docs(compiled(content)[0].plan)}
    return pages["runbooks/it.md"].decode()


def _given(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if value is not None}


def typed(text: str, title: str) -> list[str]:
    return [one.text for one in sections(text)[title]]


def test_a_tree_says_where_it_lies_and_is_put_in_no_place_of_the_host() -> None:
    text = page(PHOTOS, VERSIONS, user=1000)
    said = " ".join(text.split())
    assert "It is the tree `/photos` on the claim `library` of the namespace `apps`" in said
    assert "on this host." not in said.replace("Nothing of it is on this host", "")
    assert "--in-place" not in text
    assert "mkdir" not in text
    assert typed(text, "All of it") == ["policyctl restore /photos --to ./restored"]


def test_a_database_and_a_program_do() -> None:
    dump = {"kind": "dump"}
    said = " ".join(page(VAULT, dump).split())
    assert "It is the SQLite database `/data/db.sqlite3` on the claim `library`" in said
    assert "INTO=/data " in page(VAULT, dump)
    program = {"kind": "command", "run": ["export-it"], "file": "f"}
    assert "`export-it` exports in a cluster." in page(program, dump, at="/work")


def test_what_the_host_sees_is_as_it_was() -> None:
    """By an export, or since its leg runs here."""
    for source, leg in (
        ({**PHOTOS, "export": "192.0.2.10:/photos"}, VERSIONS),
        (PHOTOS, {**VERSIONS, "runner": None}),
    ):
        text = page(source, leg)
        assert "It is the tree `/photos` on this host." in text
        assert "--in-place" in text
        assert "kubectl" not in text


@pytest.mark.parametrize("user", [None, 0, 1000])
def test_the_pod_is_one_that_kubernetes_takes(user: int | None) -> None:
    text = page(PHOTOS, VERSIONS, **({"user": user} if user is not None else {}))
    lines = typed(text, "Into the claim library")
    (made,) = (one for one in lines if one.startswith("printf"))
    shell = f"kubectl() {{ cat; }}; IMAGE=registry.example.net/x:1; {made}"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, check=True)
    pod = json.loads(done.stdout)
    kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)
    (container,) = pod["spec"]["containers"]
    assert container["image"] == "registry.example.net/x:1"
    assert container["securityContext"]["runAsUser"] == (user or 0)
    assert pod["spec"]["volumes"][0]["persistentVolumeClaim"] == {"claimName": "library"}
    assert container["volumeMounts"][0]["mountPath"] == "/photos"


def test_each_line_is_one_that_a_shell_reads() -> None:
    for line in typed(page(PHOTOS, VERSIONS), "Into the claim library"):
        subprocess.run(["sh", "-n", "-c", line], check=True)
