"""Exit with 0 if this pytest works on this interpreter: it can rewrite an assertion and
write a report.
"""

import os
import sys
import tempfile
from pathlib import Path

import pytest

TEST = """
def test_probe():
    assert len([1]) == 1
"""

os.chdir(tempfile.mkdtemp())
Path("test_probe.py").write_text(TEST)
sys.exit(pytest.main(["test_probe.py", "--junitxml=report.xml"]))
