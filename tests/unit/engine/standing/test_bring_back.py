"""The command that brings a copy back: what it takes along, and what it leaves."""

from engine.promises.chains import Copy
from engine.promises.plan_chains import chains_of
from engine.reach.command_words import show_command
from engine.standing.bring_back import bring_back, lost_on_the_way
from policy.parts import Attribute, SshTarget
from policy.values import parse_absolute_path
from tests.plans import mirror, plan, route

SSH = SshTarget(
    account="backup@nas.example.net",
    port=2222,
    key=parse_absolute_path("/root/my key"),
    known_hosts=parse_absolute_path("/root/known"),
)


def of(made, *names: bytes) -> Copy:
    return chains_of(made).of_path("nfs", names)[0]


def only(leg, **more):
    return plan(routes=(route("", leg.name),), legs=(leg,), **more)


def test_a_local_copy_is_one_plain_command() -> None:
    made = only(mirror())
    argv = bring_back(made, of(made, b"a b", b"c"), b"/mnt/backup", None)
    assert argv[0] == b"rsync"
    assert argv[-3:] == (b"--", b"/mnt/backup/a b/c", b"./restored-from-sda/")
    assert not any(b"ssh" in word for word in argv)


def test_over_ssh_it_uses_the_key_and_the_known_hosts() -> None:
    made = only(mirror(to="synology:/nfs"))
    shown = show_command(bring_back(made, of(made, b"a"), b"/volume1", SSH))
    assert "UserKnownHostsFile=/root/known" in shown
    assert 'IdentityFile="/root/my key"' in shown
    assert "-oPort=2222" in shown
    assert "backup@nas.example.net:/volume1/nfs/a " in shown


def test_law_34_no_name_is_a_pattern_to_the_other_machine() -> None:
    made = only(mirror(to="synology:/nfs"))
    for name in (b"a[b]c", b"st*r", b"wh?t", b"back\\slash"):
        argv = bring_back(made, of(made, b"x", name), b"/volume1", SSH)
        assert argv[-2] == b"backup@nas.example.net:/volume1/"
        assert argv[-4] == b"--filter=- *"


def test_law_01_what_another_leg_owns_inside_stays_out() -> None:
    legs = (mirror(), mirror("other", "sda:/nfs/[other]"))
    made = plan(routes=(route("x", "other"), route("", "sda-mirror")), legs=legs)
    top = chains_of(made).of_path("nfs", (b"nfs",))[0]
    argv = bring_back(made, top, b"/mnt/backup", None)
    assert b"--filter=- /nfs/[\\[]other]" in argv, "as engine.rsync.filters writes it"
    root = chains_of(made).of_path("nfs", ())[0]
    (rule,) = [one for one in bring_back(made, root, b"/mnt/backup", None) if b"filter" in one]
    assert rule.startswith(b"--filter=- /backup/nfs/")


def test_law_27_what_a_copy_cannot_have_kept_is_said() -> None:
    weak = mirror(preserve=(Attribute.TIMES, Attribute.PERMS))
    made = only(weak)
    assert lost_on_the_way(made, of(made, b"a")) == (Attribute.OWNER,)
    assert lost_on_the_way(only(mirror()), of(made, b"a")) == ()


def test_generations_need_more_than_one_command() -> None:
    made = only(mirror())
    copy = of(made, b"a")
    unknown = Copy(
        location=copy.location, leg="gone", via=("gone",), media=None, site=None, rpo=None
    )
    assert bring_back(made, unknown, b"/mnt/backup", None) == ()
