"""The programs that the environment's Python runs."""

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from repository.testing.install.scripts import read_script


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The Python of a new environment."""
    venv.create(tmp_path / "env", with_pip=False)
    return tmp_path / "env/bin/python"


def site_packages(python: Path) -> Path:
    (folder,) = python.parents[1].glob("lib/python*/site-packages")
    return folder


def link_tree(python: Path, tree: Path) -> list[str]:
    """Run the program; return sys.path of the environment afterwards."""
    argv = [str(python), "-c", read_script("link_tree"), str(tree)]
    subprocess.run(argv, check=True)
    show = [str(python), "-c", "import sys; print('\\n'.join(sys.path))"]
    return subprocess.run(show, check=True, capture_output=True, text=True).stdout.split("\n")


def install_editable(python: Path) -> None:
    info = site_packages(python) / "shop-1.0.dist-info"
    info.mkdir()
    (info / "direct_url.json").write_text('{"dir_info": {"editable": true}}')


def test_the_tree_is_on_the_path_while_an_import_hook_finds_its_package(
    python: Path, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    assert str(tree) not in link_tree(python, tree)
    install_editable(python)
    assert str(tree) in link_tree(python, tree)
    assert str(tree) in link_tree(python, tree)
    shutil.rmtree(site_packages(python) / "shop-1.0.dist-info")
    assert str(tree) not in link_tree(python, tree)


def test_a_tree_that_is_on_the_path_needs_no_link(python: Path, tmp_path: Path) -> None:
    install_editable(python)
    (site_packages(python) / "shop.pth").write_text(f"{tmp_path}\n")
    link_tree(python, tmp_path)
    assert not (site_packages(python) / "coding_agent_tree.pth").exists()


def write_files(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_a_release_is_compared_with_the_tree_and_removed(tmp_path: Path) -> None:
    release = tmp_path / "release"
    metadata = "Name: shop\nVersion: 2.0\nHome-page: https://shop.example/\n"
    metadata += "Project-URL: Source, https://github.com/octo/shop\n"
    lines = "\n".join(f"price_{number} = {number}" for number in range(20))
    write_files(release, {"shop-2.0.dist-info/METADATA": metadata, "shop/cart.py": lines})
    tree = {"setup.py": "url='https://shop.example'", "src/shop/cart.py": lines[:-30]}
    write_files(tmp_path / "tree", tree)
    argv = [sys.executable, "-c", read_script("describe_release")]
    argv += [str(release), str(tmp_path / "tree"), str(tmp_path / "tree/src")]
    output = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    description = json.loads(output)
    assert description["version"] == "2.0"
    assert description["addresses"] == ["https://shop.example/", "https://github.com/octo/shop"]
    assert description["stated"] == ["https://shop.example/"]
    assert description["lines"] == 20
    assert 15 < description["shared_lines"] < 20
    assert not release.exists()


def test_of_a_release_only_compiled_and_imported_files_get_into_the_tree(
    python: Path, tmp_path: Path
) -> None:
    files = ["shop/fast.so", "shop/_version.py", "shop/removed.py", "shop/gone/fast.so"]
    files += ["shop.libs/libgomp.so", "other/fast.so"]
    packages = site_packages(python)
    write_files(packages, dict.fromkeys(files, ""))
    record = "".join(f"{file},,\n" for file in files)
    write_files(packages, {"shop-2.0.dist-info/RECORD": record})
    tree = tmp_path / "tree"
    write_files(tree, {"shop/__init__.py": "from shop import (\n    _version,\n)"})
    argv = [str(python), "-c", read_script("complete_tree"), str(tree), "shop"]
    subprocess.run(argv, check=True)
    copied = {str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()}
    assert copied == {
        "shop/__init__.py",
        "shop/fast.so",
        "shop/_version.py",
        "shop.libs/libgomp.so",
    }


def test_an_extension_module_that_cannot_be_loaded_is_broken(tmp_path: Path) -> None:
    write_files(tmp_path, {"shop/__init__.py": "", "shop/fast.so": "", "build/lib/shop/x.so": ""})
    argv = [sys.executable, "-c", read_script("print_broken_extensions"), str(tmp_path)]
    output = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    assert "broken: shop.fast" in output
    assert "build" not in output
    assert "all imported" in output


def test_a_module_that_was_also_compiled_takes_effect_as_python(tmp_path: Path) -> None:
    """Otherwise a change of the source would change nothing."""
    for name in ("cart.py", "cart.cpython-311.so", "fast.pyx", "fast.py", "fast.so", "core.so"):
        (tmp_path / name).touch()
    script = read_script("remove_compiled_modules")
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["cart.py", "core.so", "fast.py", "fast.pyx", "fast.so"]
