"""The script that makes an instance the way out, run with commands that only record their calls."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.terraform.hcl import TERRAFORM

TEMPLATE = TERRAFORM / "modules/network/nat_instance.sh"
VALUES = {
    "region": "us-east-1",
    "interface": "eni-1",
    "mac": "0a:00:00:00:00:01",
    "router": "10.0.128.1",
}
FAKE = """#!/bin/bash
echo "$(basename "$0") $*" >> "$CALLS"
"""
#: Shows the interface once it is attached, with an address unless DHCP gives none.
FAKE_IP = """
case "$*" in
  "-o link") if [ -e "$ATTACHED" ]; then echo "3: ens6: <UP> link/ether 0a:00:00:00:00:01"; fi ;;
  *address*) if [ ! -e "$ADDRESSLESS" ]; then echo "3: ens6 inet 10.0.128.9/20"; fi ;;
esac
"""
FAKE_AWS = """
if [ -e "$REFUSES" ]; then exit 254; fi
touch "$ATTACHED"
"""


@dataclass(frozen=True)
class Machine:
    """A machine on which the script runs."""

    folder: Path

    def boot(self) -> list[str]:
        """Run the script, and return the commands that it called."""
        script = TEMPLATE.read_text()
        for name, value in VALUES.items():
            script = script.replace(f"${{{name}}}", value)
        assert "${" not in script, "every placeholder has a value"
        environment = {"PATH": f"{self.folder}/bin:/usr/bin:/bin"}
        for name in ("CALLS", "ATTACHED", "REFUSES", "ADDRESSLESS"):
            environment[name] = str(self.folder / name)
        subprocess.run(["bash", "-c", script], env=environment, check=False, timeout=20)
        return (self.folder / "CALLS").read_text().splitlines()

    def refuse_to_attach(self) -> None:
        (self.folder / "REFUSES").touch()

    def give_no_address(self) -> None:
        (self.folder / "ADDRESSLESS").touch()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    programs = {"aws": FAKE_AWS, "ip": FAKE_IP, "curl": "echo i-1", "nft": "cat >> $CALLS"}
    for name in ("poweroff", "sleep", "sysctl", "systemctl"):
        programs[name] = ""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, body in programs.items():
        program = folder / name
        program.write_text(FAKE + body)
        program.chmod(0o755)
    return Machine(tmp_path)


def test_an_instance_takes_the_interface_and_translates_addresses_on_it(machine: Machine) -> None:
    calls = machine.boot()
    (attached,) = [call for call in calls if call.startswith("aws")]
    assert "attach-network-interface" in attached
    assert "--network-interface-id eni-1 --instance-id i-1" in attached
    assert "ip route replace default via 10.0.128.1 dev ens6 onlink metric 50" in calls
    assert any("ip_forward=1" in call for call in calls)
    assert '    oifname "ens6" masquerade' in calls
    assert "poweroff " not in calls


def test_after_a_reboot_the_interface_is_there_already(machine: Machine) -> None:
    machine.boot()
    calls = machine.boot()
    assert sum(call.startswith("aws") for call in calls) == 1
    assert sum("masquerade" in call for call in calls) == 2


def test_an_instance_that_cannot_take_the_interface_ends_itself(machine: Machine) -> None:
    machine.refuse_to_attach()
    calls = machine.boot()
    assert calls[-1] == "poweroff "
    assert sum(call.startswith("aws") for call in calls) == 60, "it waits for the one before it"
    assert not any("masquerade" in call for call in calls)


def test_an_instance_whose_interface_gets_no_address_ends_itself(machine: Machine) -> None:
    machine.give_no_address()
    calls = machine.boot()
    assert calls[-1] == "poweroff "
    assert not any("masquerade" in call for call in calls)
