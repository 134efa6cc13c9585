"""Rules of the house that no linter knows."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("policy", "engine", "renderers", "policyctl", "schema")
LONGEST_MODULE = 400
LOCK_LINE = re.compile(r"^(?P<name>[a-z0-9._-]+)==(?P<version>\S+)(?: ; (?P<marker>.+?))? \\$")

# Put together from halves, so that this file passes its own test.
DENIED = (
    re.compile("pypi" + r"\.org|python" + r"hosted\.org|npm" + r"js\.(?:org|com)"),
    re.compile("--(?:extra-)?" + "index-url|--find" + "-links|file" + ":///"),
    re.compile("BEGIN (?:[A-Z]+ )?" + "PRIVATE KEY"),
)


def own_files() -> list[Path]:
    """All files of the project: tracked, or new and not ignored."""
    command = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-z"]
    command += ["--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    files = [ROOT / os.fsdecode(name) for name in listed.split(b"\0") if name]
    return [file for file in files if file.is_file() and not file.is_symlink()]


def of_this_machine() -> list[re.Pattern[str]]:
    """Paths that name the machine at hand: the checkout's and the interpreter's."""
    places = {str(ROOT), sys.base_prefix} - {"/usr", "/usr/local"}
    return [re.compile(re.escape(place) + r"(?![\w.-])") for place in places if len(place) > 7]


def project_table() -> dict[str, object]:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert isinstance(table, dict)
    return table


def direct_dependencies() -> set[str]:
    project = project_table()
    extras = project["optional-dependencies"]
    runtime = project["dependencies"]
    assert isinstance(extras, dict)
    assert isinstance(runtime, list)
    names = [re.split(r"[\s<>=;\[]", line)[0] for line in [*runtime, *extras["dev"]]]
    return {name.lower() for name in names}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_is_too_long_to_read(package: str) -> None:
    lengths = {
        str(module.relative_to(ROOT)): len(module.read_text().splitlines())
        for module in (ROOT / package).rglob("*.py")
    }
    assert lengths, f"{package}/ holds no module"
    assert {name: n for name, n in lengths.items() if n > LONGEST_MODULE} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_ships_its_types(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


@pytest.mark.tool("git")
def test_no_file_names_a_registry_a_machine_or_a_secret() -> None:
    found = []
    for file in own_files():
        text = file.read_bytes().decode("utf-8", "surrogateescape")
        for pattern in (*DENIED, *of_this_machine()):
            found += [
                f"{file.relative_to(ROOT)}:{text.count(chr(10), 0, hit.start()) + 1}: {hit.group()}"
                for hit in pattern.finditer(text)
            ]
    assert found == []


def test_each_locked_package_is_pinned_and_hashed() -> None:
    name = ""
    hashes: dict[str, int] = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line.startswith("    --hash=sha256:"):
            hashes[name] += 1
            continue
        match = LOCK_LINE.match(line)
        assert match, f"not a pinned package: {line}"
        name = match["name"]
        hashes[name] = 0
    assert hashes
    assert [name for name, count in hashes.items() if count == 0] == []
    assert direct_dependencies() - set(hashes) == set()


def test_each_dependency_has_its_reason() -> None:
    reasons = (ROOT / "docs" / "dependencies.md").read_text().lower()
    assert [name for name in sorted(direct_dependencies()) if f"`{name}`" not in reasons] == []


def test_each_package_of_the_system_has_its_reason() -> None:
    reasons = (ROOT / "docs" / "dependencies.md").read_text()
    setup = (ROOT / "tools" / "setup").read_text()
    packages = re.findall(r"^ +(?:need|want) \S+ (\S+)$", setup, re.MULTILINE)
    assert packages
    assert [name for name in packages if f"`{name}`" not in reasons] == []
