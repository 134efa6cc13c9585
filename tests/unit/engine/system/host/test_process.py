"""Running real commands: what they get, what is kept, and how they end."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from engine.system.host import process
from engine.system.host.process import (
    STDERR_MOST,
    Command,
    CommandNotStarted,
    Running,
    abandon,
    complete,
    environment,
    first_ended,
    run,
    start,
)
from engine.system.host.signals import Interrupted, interruptible

REPOSITORY = Path(__file__).resolve().parents[5]


def python(program: str, timeout: float = 20.0, **env: str) -> Command:
    argv = (os.fsencode(sys.executable), b"-c", program.encode())
    return Command(argv=argv, timeout=timeout, env=env)


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def read_number(path: Path) -> int:
    deadline = time.monotonic() + 20
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(path.read_text())


def test_output_and_code_come_back() -> None:
    told = run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"))
    assert (told.code, told.stdout, told.stderr) == (7, b"out\n", b"err\n")
    assert told.last_words == "err"
    assert told.whole
    assert not told.timed_out


def test_nothing_comes_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RSYNC_RSH", "evil")
    monkeypatch.setenv("LC_MESSAGES", "de_DE")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    found = environment({"EXTRA": "1"})
    assert found["LC_ALL"] == found["LANG"] == "C.UTF-8"
    assert found["SSH_AUTH_SOCK"] == "/run/agent"
    assert found["EXTRA"] == "1"
    assert not {"RSYNC_RSH", "LC_MESSAGES"} & set(found)
    told = run(python("import os, sys; print(sorted(os.environ)); print(sys.stdin.read())"))
    assert b"RSYNC_RSH" not in told.stdout
    assert told.stdout.endswith(b"\n\n"), "no input"


def test_arguments_are_bytes_and_meet_no_shell() -> None:
    name = b"$(id) `id` ; \n \xff *"
    program = b"import os, sys; sys.stdout.buffer.write(os.fsencode(sys.argv[1]))"
    argv = (os.fsencode(sys.executable), b"-c", program, name)
    assert run(Command(argv=argv, timeout=20)).stdout == name


def test_a_program_that_is_missing_says_so() -> None:
    with pytest.raises(CommandNotStarted, match="no-such-program cannot be run: No such file"):
        run(Command(argv=(b"no-such-program",), timeout=1))


def test_endless_complaints_keep_their_end() -> None:
    told = run(python("import sys\nfor n in range(200000): print(n, file=sys.stderr)"))
    assert not told.whole
    assert told.last_words == "199997; 199998; 199999"
    assert len(told.stderr) <= 2 * STDERR_MOST


def test_what_ssh_says_is_told_as_words_with_the_cause_first() -> None:
    refused = r"connect to host nas port 22: Connection refused\r\n"
    told = run(python(f"import sys; sys.stderr.write('ssh: {refused}  \\r\\n')"))
    assert told.last_words == "ssh: connect to host nas port 22: Connection refused"
    advice, why = "  ssh-keygen -f known -R nas", "Host key for nas has changed."
    said = r"\r\n".join((advice, why, "Host key verification failed.", ""))
    told = run(python(f"import sys; sys.stderr.write('{said}')"))
    assert told.last_words == f"Host key verification failed.; {advice.strip()}; {why}"


def test_too_long_is_ended_with_all_its_children(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(f'{{child.pid}}\\n')\n"
        "time.sleep(60)\n"
    )
    began = time.monotonic()
    told = run(python(program, timeout=1.5))
    assert told.timed_out
    assert told.code == -signal.SIGTERM
    assert time.monotonic() - began < 10
    assert not alive(read_number(tmp_path / "pid"))


def test_law_13_who_falls_silent_is_ended_before_its_time() -> None:
    said = "import time; print('a', flush=True); time.sleep({}); print('b', flush=True)"
    told = run(replace(python(said.format(60)), silence=1.0))
    assert (told.timed_out, told.fell_silent, told.stdout) == (True, True, b"a\n")
    assert told.seconds < 10
    # One that says something now and then is not, and one that is late has not fallen silent.
    told = run(replace(python(said.format(1.2)), silence=5.0))
    assert (told.timed_out, told.fell_silent, told.stdout) == (False, False, b"a\nb\n")
    told = run(replace(python(said.format(60), timeout=1.0), silence=30.0))
    assert (told.timed_out, told.fell_silent) == (True, False)


def test_an_orphan_that_nobody_buries_is_not_waited_for(tmp_path: Path) -> None:
    """In a container the first process may never ask for orphans: dead, they stay in the group."""
    note = tmp_path / "took"
    program = (
        "import ctypes, os, time\n"
        "from engine.system.host.process import Command, run\n"
        "ctypes.CDLL(None).prctl(36, 1)\n"  # PR_SET_CHILD_SUBREAPER: orphans come here, and stay
        "began = time.monotonic()\n"
        "run(Command(argv=(b'sh', b'-c', b'sleep 60 & sleep 60; :'), timeout=0.3))\n"
        f"open({str(note)!r}, 'w').write(str(time.monotonic() - began))\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=True)
    assert float(note.read_text()) < 5


def test_who_ignores_the_request_is_killed() -> None:
    program = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
    told = run(python(program, timeout=1.0), grace=0.5)
    assert told.timed_out
    assert told.code == -signal.SIGKILL


def test_law_13_what_no_signal_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process is that waits in the kernel for a disk which answers no more."""
    monkeypatch.setattr(process, "_signal_group", lambda *_: None)
    running = start(python("import time; time.sleep(60)", timeout=0.3))
    assert first_ended((running,)) is running
    told = complete(running, grace=0.2)
    assert (told.timed_out, told.code) == (True, -signal.SIGKILL)
    assert alive(running.child.pid)
    running.child.kill()
    running.child.wait()


def test_closing_its_output_does_not_escape_the_limit() -> None:
    told = run(python("import os, time; os.close(1); os.close(2); time.sleep(60)", timeout=1.0))
    assert told.timed_out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_group_and_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    note = tmp_path / "pid"
    program = (
        f"import os, time; open({str(note)!r}, 'w').write(f'{{os.getpid()}}\\n'); time.sleep(60)"
    )

    def send() -> None:
        read_number(note)
        os.kill(os.getpid(), number)

    sender = threading.Thread(target=send)
    before = signal.getsignal(number)
    sender.start()
    with pytest.raises(Interrupted, match=f"ended by {number.name}"), interruptible():
        run(python(program))
    sender.join()
    assert signal.getsignal(number) is before
    assert not alive(read_number(note))


def test_a_second_signal_does_not_disturb_the_clean_up() -> None:
    cleaned = []

    def interrupted_twice() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
            cleaned.append("all of it")

    with pytest.raises(Interrupted, match="SIGTERM"), interruptible():
        interrupted_twice()
    assert cleaned == ["all of it"]


def test_a_killed_parent_takes_its_command_along(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    inner = (
        f"import os, time; open({str(note)!r}, 'w').write(f'{{os.getpid()}}\\n'); time.sleep(60)"
    )
    process = os.fork()
    if process == 0:
        run(python(inner))
        os._exit(0)
    child = read_number(note)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    deadline = time.monotonic() + 10
    while alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


# ── Several at a time ────────────────────────────────────────────────────────────────────────


def sleeping(seconds: str, timeout: float = 60) -> Running:
    return start(Command(argv=(b"sleep", seconds.encode()), timeout=timeout))


def test_the_first_that_ends_is_given_back() -> None:
    slow, quick = sleeping("30"), sleeping("0.05")
    assert first_ended((slow, quick)) is quick
    assert (complete(quick).code, complete(quick).timed_out) == (0, False)
    abandon((slow,))


def test_one_whose_time_has_passed_is_given_back_and_ended() -> None:
    slow, late = sleeping("30"), sleeping("30", timeout=0.2)
    assert first_ended((slow, late)) is late
    told = complete(late)
    assert told.timed_out
    assert told.code == -signal.SIGTERM
    assert slow.child.poll() is None
    abandon((slow,))


def test_all_that_are_abandoned_are_asked_at_once() -> None:
    """Each may take its time: together they take no more than the slowest."""
    script = b'trap "sleep 1; exit" TERM; echo ready; while :; do sleep 0.05; done'
    ready: list[bytes] = []

    def heard(chunk: bytes) -> bytes:
        ready.append(chunk)
        return chunk

    command = Command(argv=(b"sh", b"-c", script), timeout=60, on_output=heard)
    several = [start(command) for _ in range(4)]
    waiting = sleeping("0.1")
    while len(ready) < len(several):
        assert first_ended((*several, waiting)) is waiting
        complete(waiting)
        waiting = sleeping("0.1")
    abandon((waiting,))
    began = time.monotonic()
    abandon(several)
    assert time.monotonic() - began < 3.5
    assert all(one.child.returncode is not None for one in several)


def test_what_was_waited_for_is_not_signalled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number may be another's by now."""
    done = sleeping("0")
    assert first_ended((done,)) is done
    complete(done)
    asked: list[int] = []
    monkeypatch.setattr(os, "killpg", lambda group, _: asked.append(group))
    abandon((done,))
    assert asked == []
