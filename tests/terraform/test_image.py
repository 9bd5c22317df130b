"""The task definition and the image agree on users, folders and the health check."""

import json
import re

from tests.terraform.hcl import ROOT, read

DOCKERFILE = (ROOT / "Dockerfile").read_text()
TASK_FILE = ROOT / "terraform/modules/service/task.tf"


def task() -> dict:
    return read("modules/service/task.tf")["locals"][0]


def settings() -> dict:
    return read("settings.tf")["locals"][0]


def test_the_image_sets_the_owner_of_each_mounted_folder():
    (volumes,) = re.findall(r"^VOLUME (.+)$", DOCKERFILE, re.M)
    socket_folder = settings()["sandbox_socket"].rpartition("/")[0]
    mounted = {settings()["data_dir"], socket_folder}
    for paths in task()["own"].values():
        mounted.update(paths.values())
    assert mounted <= set(json.loads(volumes))


def test_the_worker_is_the_images_user():
    uid = task()["uid"]
    assert f"--uid {uid} " in DOCKERFILE


def test_the_health_check_is_the_images():
    (command,) = re.findall(r"^HEALTHCHECK .*?CMD (\[.+?\])$", DOCKERFILE, re.M | re.S)
    pattern = r"^  worker = .*?command += (\[.+?\])$"
    health_check = re.search(pattern, TASK_FILE.read_text(), re.M | re.S)
    assert health_check is not None
    port = str(settings()["port"])
    task_command = json.loads(health_check[1].replace("${var.port}", port))
    assert task_command == ["CMD", *json.loads(command)]
