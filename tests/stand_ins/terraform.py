"""This project's Terraform, applied by Terraform itself with the real AWS provider to moto.

It needs terraform and the provider: from its registry, or from a folder that
``TF_CLI_ARGS_init=-plugin-dir=FOLDER`` names.
"""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.stand_ins.aws import Aws
from tests.terraform.hcl import TERRAFORM, named_blocks

#: Resources that moto 5.2.5 lacks, or whose creation never ends there.
UNKNOWN_TO_MOTO = {
    "aws_appautoscaling_policy",
    "aws_appautoscaling_target",
    "aws_cloudwatch_query_definition",
    "aws_sqs_queue_redrive_allow_policy",
}
#: The provider waits a minute until S3 says that a new life-cycle rule is in force.
TIMEOUT = 600.0


class NoTerraform(Exception):
    """Terraform or its AWS provider is not on this machine; the text says which."""


class TerraformFailed(Exception):
    """Terraform ended with an error; the text is its output."""


@dataclass(frozen=True)
class Deployment:
    """A copy of ``terraform/`` with variables of its own, and its state."""

    folder: Path
    aws: Aws

    @classmethod
    def prepare(cls, folder: Path, aws: Aws, variables: dict[str, Any]) -> "Deployment":
        """Copy the files and initialise the copy.

        Raises:
            NoTerraform: Terraform or the provider is missing.
        """
        if shutil.which("terraform") is None:
            raise NoTerraform("terraform is not installed")
        shutil.copytree(TERRAFORM, folder, ignore=shutil.ignore_patterns(".terraform*", "tests"))
        (folder / "terraform.tfvars.json").write_text(json.dumps(variables))
        deployment = cls(folder, aws)
        try:
            deployment._run("init")
        except TerraformFailed as error:
            if re.search(
                r"available\s+provider\s+packages|registry service is unreachable", str(error)
            ):
                raise NoTerraform("the AWS provider is in no registry or folder") from error
            raise
        return deployment

    def apply(self) -> None:
        """Create all that moto knows."""
        targets = [f"-target={address}" for address in self.addresses()]
        self._run("apply", "-auto-approve", "-parallelism=20", *targets)

    def addresses(self) -> list[str]:
        """Return the addresses of the resources that moto knows, without indexes.

        Those that refer to an unknown one would create it, too.
        """
        addresses = []
        for path in sorted(TERRAFORM.glob("modules/*/*.tf")):
            module = path.parent.name
            for kind, by_name in named_blocks(path.relative_to(TERRAFORM).as_posix(), "resource"):
                for name, body in by_name.items():
                    if not any(unknown in f"{kind} {body}" for unknown in UNKNOWN_TO_MOTO):
                        addresses.append(f"module.{module}.{kind}.{name}")
        return addresses

    def output(self, name: str) -> Any:
        outputs = json.loads(self._run("output", "-json"))
        return outputs[name]["value"]

    def plan(self, changes: dict[str, Any]) -> dict[str, list[str]]:
        """Plan changed variables: address -> its actions, in their order.

        The state is taken as it is: moto does not return all that was created.
        """
        (self.folder / "changes.tfvars.json").write_text(json.dumps(changes))
        self._run("plan", "-refresh=false", "-var-file=changes.tfvars.json", "-out=plan.bin")
        plan = json.loads(self._run("show", "-json", "plan.bin"))
        actions = {}
        for change in plan["resource_changes"]:
            if change["mode"] == "managed":
                actions[change["address"]] = change["change"]["actions"]
        return actions

    def edit(self, file: str, old: str, new: str) -> None:
        """Change a text that occurs once in a file of the copy."""
        path = self.folder / file
        text = path.read_text()
        assert text.count(old) == 1, file
        path.write_text(text.replace(old, new))

    def _run(self, command: str, *arguments: str) -> str:
        plain = ["-no-color"] if command != "output" else []
        unasked = ["-input=false"] if command in ("init", "plan", "apply") else []
        done = subprocess.run(
            ["terraform", command, *plain, *unasked, *arguments],
            cwd=self.folder,
            env={**os.environ, **self.aws.environment, "CHECKPOINT_DISABLE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        if done.returncode != 0:
            raise TerraformFailed(done.stdout + done.stderr)
        return done.stdout
