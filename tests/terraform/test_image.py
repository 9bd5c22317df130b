"""The task definition and the image agree on users, folders and the health check."""

import json
import re

from tests.terraform.hcl import ROOT, read

DOCKERFILE = ROOT / "Dockerfile"


def task() -> dict:
    return read("modules/service/task.tf")["locals"][0]


def test_the_image_sets_the_owner_of_each_mounted_folder():
    (volumes,) = re.findall(r"^VOLUME (.+)$", DOCKERFILE.read_text(), re.M)
    settings = read("settings.tf")["locals"][0]
    shared = {settings["data_dir"], settings["sandbox_socket"].rpartition("/")[0]}
    own = {path for paths in task()["own"].values() for path in paths.values()}
    assert shared | own <= set(json.loads(volumes))


def test_the_worker_is_the_images_user():
    assert f"--uid {task()['uid']} " in DOCKERFILE.read_text()


def test_the_health_check_is_the_images():
    (command,) = re.findall(r"^HEALTHCHECK .*?CMD (\[.+?\])$", DOCKERFILE.read_text(), re.M | re.S)
    text = (ROOT / "terraform/modules/service/task.tf").read_text()
    payload = re.search(r"^  worker = .*?command += (\[.+?\])$", text, re.M | re.S)
    port = read("settings.tf")["locals"][0]["port"]
    assert payload and json.loads(payload[1].replace("${var.port}", str(port))) == [
        "CMD",
        *json.loads(command),
    ]
