"""Imports, and the files that tests reach by them."""

from repository.testing.detect.detection import detect
from repository.testing.detect.imports import find_imports, reachable_sources
from tests.repository.testing.detect.trees import tree_of

SOURCE = '''\
from __future__ import annotations
import os, yaml as y, PIL.Image
from google.cloud import storage
from google.protobuf.message import Message
from .near import x
import urllib2
TEXT = """
import otherdir
"""
try:
    import torch
except ImportError:
    torch = None
'''


def test_imports_outside_of_blocks_are_required() -> None:
    imports = find_imports(SOURCE)
    assert imports.required == {"yaml", "PIL", "google.cloud.storage", "google.protobuf"}
    assert imports.optional == {"torch"}


def test_files_are_reached_as_the_interpreter_would_find_them() -> None:
    test = "from shop.cart import add\nimport tool\n"
    files = {
        "tests/test_a.py": test,
        "shop/__init__.py": "from . import money\n",
        "shop/cart.py": "from .store import db\n",
        "shop/store/__init__.py": "",
        "shop/store/db.py": "import redis\n",
        "shop/money.py": "",
        "scripts/train.py": "import torch\n",
        "src/tool.py": "",
    }
    sources = reachable_sources(tree_of(files), {"tests/test_a.py": test})
    assert set(sources) == {
        "shop/__init__.py",
        "shop/cart.py",
        "shop/store/__init__.py",
        "shop/store/db.py",
        "shop/money.py",
        "src/tool.py",
    }


def test_imports_of_the_sources_that_tests_reach_are_needed() -> None:
    files = {
        "test_app.py": "from app import run\ndef test_a(): run()\n",
        "app.py": "import slugify, yaml\nfrom conf.celery import task\n",
        "conf/__init__.py": "",
        "conf/celery.py": "from celery import Celery\n",
        "train.py": "import torch\n",
        "requirements-test.txt": "celery\n",
    }
    assert detect(tree_of(files)).draft.needs.modules == {
        "celery": "celery",
        "slugify": "python-slugify",
        "yaml": "pyyaml",
    }


def test_module_is_provided_by_a_package_that_the_repository_names() -> None:
    files = {
        "test_app.py": "import barcode, consul\ndef test_a(): ...\n",
        "README.md": "    pip install python-barcode==0.14 py-consul\n",
        "requirements-dev.txt": "".join(f"tool{number}\n" for number in range(40)),
    }
    needs = detect(tree_of(files)).draft.needs
    assert needs.modules["barcode"] == "python-barcode==0.14"


def test_an_imported_module_whose_name_no_package_can_have_is_no_requirement() -> None:
    detection = detect(tree_of({"tests/test_a.py": "import _speedups\nimport attr\n"}))
    assert detection.draft.needs.modules == {"attr": "attrs"}
