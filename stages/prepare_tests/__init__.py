"""How this repository is tested, an environment for it, and the results on the base commit: before
anything is paid.
"""

from stages.prepare_tests.dated import index_settings
from stages.prepare_tests.models import Recipe, Status, Suite, TestReport
from stages.prepare_tests.stage import PrepareTests

__all__ = ["PrepareTests", "Recipe", "Status", "Suite", "TestReport", "index_settings"]
