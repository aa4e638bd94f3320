"""`cwportal disable`: said first, done with --yes, and once."""

from __future__ import annotations

from tests.commands.instance import Instance


def test_without_yes_it_only_says_what_would_happen(msp: Instance) -> None:
    told = msp("disable", "--partner", "msp")
    assert told.code == 2
    assert "Nothing was changed." in told.error
    assert "No line of ours bills in ConnectWise now." in told.out
    assert msp("check", "--partner", "msp").code == 0


def test_with_yes_credentials_and_settings_are_gone(msp: Instance) -> None:
    msp.done("settings", "--partner", "msp", "--export", "daily")
    assert "ConnectWise is disabled" in msp.done("disable", "--partner", "msp", "--yes")
    again = msp("disable", "--partner", "msp", "--yes")
    assert (again.code, again.error) == (2, "ConnectWise is not connected; there is nothing to disable.")
    assert msp("check", "--partner", "msp").code == 2
    assert "daily" not in msp.done("settings", "--partner", "msp")


def test_a_partner_that_is_not_there(msp: Instance) -> None:
    assert msp("disable", "--partner", "nobody", "--yes").code == 2
