"""Reading a secret from where the manifest says that it is found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.system.host.secrets import NoSecret, read_secret, variables_for
from policy.secrets import Secret, SecretCommand, SecretCredential, SecretFile, SecretVariable
from policy.values import parse_absolute_path

CANARY = "canary-4f1c"
FILE = SecretFile(path=parse_absolute_path("/etc/token"))


@pytest.fixture
def root(tmp_path: Path) -> bytes:
    (tmp_path / "etc").mkdir()
    return os.fsencode(tmp_path)


def put(root: bytes, text: bytes, mode: int = 0o600) -> Path:
    path = Path(os.fsdecode(root)) / "etc/token"
    path.write_bytes(text)
    path.chmod(mode)
    return path


def refused(secret: Secret, root: bytes = b"") -> str:
    with pytest.raises(NoSecret) as caught:
        read_secret(secret, root)
    assert CANARY not in str(caught.value), "law 22"
    return str(caught.value)


def test_the_end_of_a_files_line_does_not_count(root: bytes) -> None:
    put(root, f" {CANARY} \r\n".encode())
    assert read_secret(FILE, root) == f" {CANARY} "


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "it is empty"),
        (b"\n", "it is empty"),
        (f"{CANARY}\nHost: evil".encode(), "more than one line"),
        (CANARY.encode() + b"\xff", "no UTF-8"),
        (CANARY.encode() + b"\0", "cannot be typed"),
    ],
)
def test_what_is_no_one_line_of_text_is_none(root: bytes, text: bytes, said: str) -> None:
    put(root, text)
    assert said in refused(FILE, root)


def test_law_22_a_file_that_lies_open_is_refused(root: bytes) -> None:
    path = put(root, CANARY.encode(), 0o644)
    assert refused(FILE, root) == (
        f"{path}: everybody may read it: `chmod o= {path}`, then change it"
    )
    put(root, CANARY.encode(), 0o640)
    assert read_secret(FILE, root) == CANARY


def test_a_missing_file_is_named(root: bytes) -> None:
    assert refused(FILE, root).endswith("etc/token: No such file or directory")


def test_systemd_hands_a_file_on_as_a_credential(
    root: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed = tmp_path / "credentials"
    handed.mkdir()
    (handed / FILE.credential).write_text(f"{CANARY}-handed\n")
    (handed / "cloud").write_text(f"{CANARY}-cloud")
    put(root, CANARY.encode())
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    assert read_secret(FILE, root) == f"{CANARY}-handed"
    assert read_secret(SecretCredential(name="cloud")) == f"{CANARY}-cloud"
    assert "is not handed on" in refused(SecretCredential(name="other"))
    (handed / FILE.credential).unlink()
    assert read_secret(FILE, root) == CANARY, "by hand, or what another version wrote"


def test_a_credential_is_there_in_a_service_alone() -> None:
    assert "a service of systemd has it" in refused(SecretCredential(name="cloud"))


def test_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = SecretVariable(name="TOKEN_4F1C")
    assert refused(secret) == "the variable TOKEN_4F1C is not set"
    monkeypatch.setenv("TOKEN_4F1C", CANARY)
    assert read_secret(secret) == CANARY
    assert variables_for(secret) == {"TOKEN_4F1C": CANARY}
    assert variables_for(FILE) == {}


def test_what_a_command_prints() -> None:
    printed = SecretCommand(run=("/bin/sh", "-c", f"echo {CANARY}; echo warning >&2"))
    assert read_secret(printed) == CANARY
    failing = SecretCommand(run=("/bin/sh", "-c", f"echo {CANARY}; echo {CANARY} >&2; exit 3"))
    assert refused(failing) == "/bin/sh: it ended with 3"
    assert "cannot be run" in refused(SecretCommand(run=("/nowhere/at/all",)))
