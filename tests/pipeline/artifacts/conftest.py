"""Every implementation of Artifacts joins the contract's suite here."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from pipeline.artifacts import Artifacts
from pipeline.artifacts.folder import FolderArtifacts
from pipeline.artifacts.s3 import S3Artifacts
from tests.stand_ins.aws import REGION
from tests.stand_ins.moto import moto_client


@cache
def s3_client() -> Any:
    return moto_client("s3", config=Config(signature_version="s3v4"))


def make_bucket(folder: Path) -> str:
    """A bucket for only this folder's tests."""
    name = f"artifacts-{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"
    s3_client().create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name


OPENERS: dict[str, Callable[[Path], Artifacts]] = {
    "folder": lambda folder: FolderArtifacts(folder / "artifacts"),
    "s3": lambda folder: S3Artifacts(make_bucket(folder), "kept/here", client=s3_client()),
}


@pytest.fixture(params=sorted(OPENERS))
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> Artifacts:
    return OPENERS[request.param](tmp_path)
