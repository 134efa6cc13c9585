"""Where systemd looks for what the administrator has laid over a unit."""

from pathlib import Path

from engine.system.apply.drop_ins import drop_ins

UNITS = "/etc/systemd/system"
OURS = (f"{UNITS}/policyctl-nightly.service", f"{UNITS}/policyctl-untold@.service", "/etc/x.conf")


def test_settings_by_the_units_name_and_by_each_beginning_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "etc/systemd/system"
    for name in (
        "policyctl-nightly.service.d/slower.conf",
        "policyctl-nightly.service.d/README",
        "policyctl-.service.d/all.conf",
        "policyctl-untold@.service.d/mail.conf",
        "policyctl-weekly.service.d/other.conf",
        "x.conf.d/no.conf",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert drop_ins(tmp_path, OURS) == (
        f"{UNITS}/policyctl-.service.d/all.conf",
        f"{UNITS}/policyctl-nightly.service.d/slower.conf",
        f"{UNITS}/policyctl-untold@.service.d/mail.conf",
    )


def test_where_nothing_is_installed_there_are_none(tmp_path: Path) -> None:
    assert drop_ins(tmp_path, OURS) == ()
