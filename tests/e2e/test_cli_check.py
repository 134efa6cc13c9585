"""`check` and `explain` through a process of their own: exit codes, streams, odd names."""

from __future__ import annotations

import base64
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.strategies import AS_FOUND, REFERENCE, ROOT, manifest, text_of

GOOD = text_of(manifest())
BAD = text_of(manifest(routes={"/srv/data/x": "mirror"}))
WARNED = text_of(
    manifest(
        destinations={
            "disk": {"path": "/mnt/disk", "media": "nas", "site": "home", "cannot_keep": ["owner"]}
        }
    )
)
COMMAND = [sys.executable, "-m", "policyctl.main"]


def environment(**more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        **more,
    }


def run(
    *arguments: str | bytes | Path, cwd: Path | None = None, **more: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *arguments],
        check=False,
        capture_output=True,
        cwd=cwd or ROOT,
        timeout=60,
        env=environment(**more),
    )


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.yaml"
    path.write_bytes(GOOD)
    return path


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o644)
    return path


def json_of(done: subprocess.CompletedProcess[bytes]) -> Any:
    return json.loads(done.stdout)


class TestExitCodes:
    """ "0 ok · 1 bug · 2 usage · 3 invalid policy"."""

    def test_clean(self, good: Path) -> None:
        done = run("check", "--policy", good)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.startswith(b"clean: no errors, no warnings, no notes; proven")

    def test_invalid(self, tmp_path: Path) -> None:
        done = run("check", "-p", written(tmp_path / "bad.yaml", BAD))
        assert done.returncode == 3
        assert b"error route-uncovered" in done.stderr
        assert b"\n  hint: " in done.stderr
        assert done.stdout.startswith(b"not valid: 1 error")

    def test_warnings_fail_only_when_strict(self, tmp_path: Path) -> None:
        path = written(tmp_path / "warned.yaml", WARNED)
        assert run("check", "-p", path).returncode == 0
        assert run("check", "-p", path, "--strict").returncode == 3

    @pytest.mark.parametrize(
        "arguments", [["chek"], ["check", "--polcy", "x"], ["explain"], ["check", "extra"], []]
    )
    def test_usage(self, arguments: list[str]) -> None:
        done = run(*arguments)
        assert done.returncode == (2 if arguments else done.returncode)
        assert b"Traceback" not in done.stderr

    def test_no_manifest_anywhere(self, tmp_path: Path) -> None:
        done = run("check", "--root", tmp_path, cwd=tmp_path)
        assert done.returncode == 2
        assert b"no manifest" in done.stderr

    def test_the_examples(self) -> None:
        assert run("check", "-p", REFERENCE).returncode == 0
        assert run("check", "-p", AS_FOUND).returncode == 3


class TestWhereTheManifestIs:
    """ "`--policy FILE`, `$POLICYCTL_POLICY`, `./backup-policy.yaml`, `/etc/policyctl/…`"."""

    def test_in_that_order(self, tmp_path: Path) -> None:
        system = tmp_path / "etc" / "policyctl"
        system.mkdir(parents=True)
        here = tmp_path / "here"
        here.mkdir()
        data = GOOD.replace(b"/srv/data", b"/srv/%s")
        for path, name in (
            (system / "backup-policy.yaml", b"etc"),
            (here / "backup-policy.yaml", b"here"),
            (tmp_path / "var.yaml", b"var"),
            (tmp_path / "opt.yaml", b"opt"),
        ):
            written(path, data.replace(b"%s", name))

        def asked(*more: str | Path, **env: str) -> list[str]:
            return [
                name
                for name in ("etc", "here", "var", "opt")
                if json_of(
                    run(
                        "explain",
                        f"/srv/{name}/x",
                        "--json",
                        "--root",
                        tmp_path,
                        *more,
                        cwd=here,
                        **env,
                    )
                )["leg"]
                != "none"
            ]

        var = {"POLICYCTL_POLICY": str(tmp_path / "var.yaml")}
        assert asked("-p", tmp_path / "opt.yaml", **var) == ["opt"]
        assert asked(**var) == ["var"]
        assert asked() == ["here"]
        (here / "backup-policy.yaml").unlink()
        assert asked() == ["etc"]


class TestOddFiles:
    @pytest.mark.parametrize("as_json", [False, True])
    @pytest.mark.parametrize("kind", ["directory", "fifo", "missing", "null", "loop"])
    def test_what_is_no_file(self, kind: str, as_json: bool, tmp_path: Path) -> None:
        path = tmp_path / "x.yaml"
        if kind == "directory":
            path.mkdir()
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "null":
            path = Path("/dev/null")
        elif kind == "loop":
            path.symlink_to(path)
        done = run("check", "-p", path, *(["--json"] if as_json else []))
        assert done.returncode in {2, 3}
        assert b"Traceback" not in done.stderr
        if as_json:
            assert json_of(done)["findings"][0]["code"] == "manifest-unreadable"
        else:
            assert b"cannot be read" in done.stderr

    @pytest.mark.root
    def test_one_that_everybody_can_write(self, good: Path) -> None:
        good.chmod(0o666)
        done = run("check", "-p", good)
        assert done.returncode == 3
        assert b"manifest-writable" in done.stderr

    @pytest.mark.tool("setpriv")
    def test_no_permission(self, good: Path) -> None:
        """Root loses the right to read everything; for anybody else nothing changes."""
        good.chmod(0)
        powers = "-dac_override,-dac_read_search"
        root = ["setpriv", f"--bounding-set={powers}"] if os.geteuid() == 0 else []
        done = subprocess.run(
            [*root, sys.executable, "-m", "policyctl.main", "check", "-p", good],
            check=False,
            cwd=ROOT,
            capture_output=True,
            env=environment(),
            timeout=60,
        )
        assert done.returncode == 3
        assert b"manifest-unreadable" in done.stderr
        assert b"Permission denied" in done.stderr

    @pytest.mark.parametrize(
        "data", [b"", b"\0", b"\xff", b"a: [", b"# x\n", b"[" * 9999, b"x" * 5_000_000]
    )
    def test_junk(self, data: bytes, tmp_path: Path) -> None:
        path = written(tmp_path / "junk.yaml", data)
        done = run("check", "-p", path)
        assert done.returncode == 3
        assert b"Traceback" not in done.stderr
        assert f"{path}:1:".encode() in done.stderr
        done = run("explain", "/x", "-p", path)
        assert (done.returncode, done.stdout) == (3, b"")

    def test_a_name_that_is_not_utf_8(self, tmp_path: Path) -> None:
        path = os.fsencode(tmp_path) + b"/\xff\n.yaml"
        with open(path, "wb") as file:  # noqa: PTH123 - its name is bytes
            file.write(BAD)
        for more in ([], ["--json"]):
            done = run("check", "-p", path, *more)
            assert done.returncode == 3
            assert b"Traceback" not in done.stderr
            if more:
                assert json_of(done)["findings"][0]["code"] == "route-uncovered"


class TestStreams:
    """ "stdout is pure JSON, the rest goes to stderr"."""

    def test_check(self, tmp_path: Path) -> None:
        done = run("check", "--json", "-p", written(tmp_path / "bad.yaml", BAD))
        assert (done.returncode, done.stderr) == (3, b"")
        shown = json_of(done)
        assert list(shown) == ["findings", "proven", "states"]
        (finding,) = shown["findings"]
        assert list(finding) == [
            "code",
            "severity",
            "message",
            "file",
            "line",
            "column",
            "pointer",
            "hint",
        ]
        assert (finding["code"], finding["severity"], finding["line"]) == (
            "route-uncovered",
            "error",
            1,
        )
        assert shown["proven"] is False

    def test_check_of_a_clean_one(self, good: Path) -> None:
        shown = json_of(run("check", "--json", "-p", good))
        assert (shown["findings"], shown["proven"]) == ([], True)
        assert shown["states"] > 0

    def test_explain(self, good: Path) -> None:
        done = run("explain", "--json", "/srv/data/x", "-p", good)
        assert (done.returncode, done.stderr) == (0, b"")
        shown = json_of(done)
        assert shown["path"] == "/srv/data/x"
        assert shown["leg"] == "mirror"
        assert {"file", "line"} <= set(shown["decided_by"])
        (copy,) = shown["copies"]
        assert {"place", "path", "leg", "rpo_seconds"} <= set(copy)
        assert (copy["path"], copy["rpo_seconds"]) == ("/mnt/disk/x", None)

    def test_none_is_a_word(self, good: Path) -> None:
        shown = json_of(run("explain", "--json", "/elsewhere", "-p", good))
        assert (shown["leg"], shown["copies"]) == ("none", [])
        assert shown["reason"]

    def test_several_paths(self, good: Path) -> None:
        shown = json_of(run("explain", "--json", "/srv/data/x", "/y", "-p", good))
        assert [one["path"] for one in shown] == ["/srv/data/x", "/y"]

    def test_an_invalid_policy_leaves_stdout_empty_or_json(self, tmp_path: Path) -> None:
        done = run("explain", "--json", "/x", "-p", written(tmp_path / "bad.yaml", BAD))
        assert done.returncode == 3
        assert json.loads(done.stdout)["error"].startswith("the manifest is not valid: 1 error")
        assert b"route-uncovered" in done.stderr

    @pytest.mark.parametrize(
        "command", [["check"], ["explain", "/srv/nfs/x"], ["schema"], ["--help"]]
    )
    def test_a_broken_pipe_is_no_fault(self, command: list[str]) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        try:
            policy = [] if command[0] in {"schema", "--help"} else ["-p", str(REFERENCE)]
            done = subprocess.run(
                [*COMMAND, *command, *policy],
                check=False,
                stdout=writing,
                stderr=subprocess.PIPE,
                cwd=ROOT,
                env=environment(),
                timeout=60,
            )
        finally:
            os.close(writing)
        assert b"Traceback" not in done.stderr
        assert b"Exception ignored" not in done.stderr
        assert b"BrokenPipe" not in done.stderr

    def test_the_schema_is_json(self) -> None:
        assert json_of(run("schema"))["$defs"]


def on_a_terminal(*arguments: str, **more: str) -> bytes:
    """What the program writes to a terminal."""
    outer, inner = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=inner, stderr=inner, cwd=ROOT, env=environment(**more)
    ):
        os.close(inner)
        shown = b""
        while True:
            try:
                part = os.read(outer, 65536)
            except OSError:  # how Linux tells that the other end is closed
                break
            if not part:
                break
            shown += part
    os.close(outer)
    return shown


class TestColours:
    """ "Colours and progress bars only on a terminal; `NO_COLOR` is honoured"."""

    def test_on_a_terminal_only(self) -> None:
        check = ("check", "-p", str(AS_FOUND))
        assert b"\x1b[31merror" in on_a_terminal(*check, TERM="xterm")
        assert b"\x1b" not in on_a_terminal(*check, TERM="xterm", NO_COLOR="1")
        assert b"\x1b" not in on_a_terminal(*check, TERM="dumb")
        done = run(*check, TERM="xterm")
        assert b"\x1b" not in done.stdout + done.stderr


class TestPaths:
    def test_one_that_is_not_utf_8(self, good: Path) -> None:
        path = b"/srv/data/a\xff\nb"
        shown = json_of(run("explain", "--json", path, "-p", good))
        assert "path" not in shown
        assert base64.b64decode(shown["path_b64"]) == path
        assert base64.b64decode(shown["copies"][0]["path_b64"]) == b"/mnt/disk/a\xff\nb"
        done = run("explain", path, "-p", good)
        assert done.returncode == 0
        assert done.stdout.startswith(b"/srv/data/a\\xff\\nb\n")

    @pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8"])
    def test_any_locale(self, locale: str) -> None:
        done = run("explain", "/srv/nfs/é", "-p", str(REFERENCE), LC_ALL=locale)
        assert done.returncode == 0, done.stderr
        done = run("explain", "/srv/nfs/x", "-p", str(REFERENCE), PYTHONIOENCODING="ascii")
        assert b"Traceback" not in done.stderr

    def test_a_relative_one_counts_from_here(self, tmp_path: Path) -> None:
        tree = tmp_path / "tree"
        (tree / "sub").mkdir(parents=True)
        content = manifest(
            sources={"data": {"kind": "tree", "path": str(tree)}},
            routes={str(tree): "mirror", f"{tree}/sub/x": {"none": "scratch"}},
        )
        policy = written(tmp_path / "p.yaml", text_of(content))
        for path, leg in (
            ("x", "none"),
            ("./y", "mirror"),
            ("../sub/x", "none"),
            ("../z/", "mirror"),
        ):
            shown = json_of(run("explain", "--json", path, "-p", policy, cwd=tree / "sub"))
            assert shown["leg"] == leg, path

    def test_a_directory_is_told_by_its_slash_or_by_what_is_there(self, tmp_path: Path) -> None:
        root = tmp_path / "root"
        (root / "srv/data/there").mkdir(parents=True)
        (root / "srv/data/file").write_text("")
        policy = written(
            tmp_path / "p.yaml",
            text_of(
                manifest(ignore={"there/": "a directory", "file": "a file", "absent": "a file"})
            ),
        )

        def leg(path: str) -> str:
            done = run("explain", "--json", path, "-p", policy, "--root", root)
            return str(json_of(done)["leg"])

        assert leg("/srv/data/there") == "none"
        assert leg("/srv/data/file") == "none"
        assert leg("/srv/data/absent") == "none"
        assert leg("/srv/data/absent/") == "mirror"

    def test_odd_spellings_of_one_path(self, good: Path) -> None:
        for path in ("/srv//data/x", "/srv/./data/x", "//srv/data/x", "/srv/data/y/../x", "data:x"):
            shown = json_of(run("explain", "--json", path, "-p", good))
            assert shown["leg"] == "mirror", path

    def test_a_path_that_begins_with_a_dash(self, good: Path) -> None:
        done = run("explain", "-p", good, "--json", "--", "-x")
        assert done.returncode == 0
        assert json_of(done)["leg"] == "none"
