"""Why pytest can't be installed, and a cure only where it helps."""

from pathlib import Path

import pytest

from repository.testing.environment import EnvironmentFailed
from repository.testing.install.pytest_install import install_pytest
from tests.repository.testing.install.test_installer import ScriptedSandbox, make_installer


@pytest.mark.parametrize(
    ("error", "offline", "end"),
    [
        ("error: no version of pytest", False, "can name versions that work together"),
        ("error: dns error", False, "dns error; the package index does not respond"),
        ("error: pytest was not found in the cache", True, "was not found in the cache"),
    ],
)
async def test_the_reason_names_a_cure_only_where_it_helps(
    tmp_path: Path, error: str, offline: bool, end: str
) -> None:
    installer = make_installer(ScriptedSandbox(*[error] * 40), tmp_path)
    installer.recipe = installer.recipe.model_copy(update={"offline": offline})
    with pytest.raises(EnvironmentFailed) as failure:
        await install_pytest(installer)
    assert str(failure.value).endswith(end)
