"""Writes requirements.lock: exact versions with hashes, for each supported Python and processor.

    make lock                   keep the pins that still fit
    make lock ARGS=--upgrade    take the newest of everything

The resolver is uv, in an environment of its own that is thrown away. The lock names no registry:
each user's pip knows which to use, and the hashes hold wherever the files come from.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
HEADER = """\
# Made by `make lock` from pyproject.toml: do not edit. For Python 3.11 to 3.13.
# Install: python -m pip install --require-hashes -r requirements.lock
"""
ADDRESS = re.compile(r"://| @ |^ *--(?!hash=)", re.MULTILINE)


def compile_lock(resolver: Path, draft: Path, options: list[str]) -> str:
    """Return the resolved requirements; pins found in `draft` are kept where they still fit."""
    command: list[str | Path] = [resolver, "pip", "compile", "pyproject.toml", "--extra=dev"]
    command += ["--universal", "--python-version=3.11", "--generate-hashes", "--no-header"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--quiet", *options]
    subprocess.run([*command, f"--output-file={draft}"], cwd=ROOT, check=True)
    return draft.read_text()


def main(options: list[str]) -> int:
    """Resolve, check that no address slipped in, and replace the lock."""
    with tempfile.TemporaryDirectory() as scratch:
        venv.create(scratch, with_pip=True)
        scripts = Path(scratch) / "bin"
        subprocess.run([scripts / "python", "-m", "pip", "install", "-qq", "uv"], check=True)
        draft = Path(scratch) / "requirements.lock"
        if LOCK.exists():
            shutil.copy(LOCK, draft)
        text = HEADER + compile_lock(scripts / "uv", draft, options)
    if found := ADDRESS.search(text):
        print(f"not written: the lock would hold an address ({found.group()!r})", file=sys.stderr)
        return 1
    LOCK.write_text(text)
    print(f"{LOCK.name}: {len(re.findall('^[a-z]', text, re.MULTILINE))} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
