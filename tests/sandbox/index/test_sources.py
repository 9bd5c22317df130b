"""The configured package sources of each tool."""

from pathlib import Path
from urllib.parse import urlsplit

from sandbox.index.sources import UV, ToolSources, pip_sources, uv_sources


def test_uv_reads_its_variables():
    environ = {
        "UV_DEFAULT_INDEX": "corp=https://a/simple",
        "UV_INDEX": "x=https://b/ https://c/",
        "UV_FIND_LINKS": "/w",
    }
    extra = ("https://b/", "https://c/")
    assert uv_sources(environ) == ToolSources(UV, "https://a/simple", extra, ("/w",))


def test_offline_uv_has_no_index():
    assert uv_sources({"UV_INDEX_URL": "https://a/", "UV_OFFLINE": "1"}).no_index


def test_pips_variables_override_its_files(tmp_path: Path):
    folder = tmp_path / ".config/pip"
    folder.mkdir(parents=True)
    (folder / "pip.conf").write_text(
        "[global]\nindex-url = https://a/\nextra-index-url = https://b/\n"
    )
    sources = pip_sources({"PIP_INDEX_URL": "https://c/"}, tmp_path)
    assert sources.default == "https://c/"
    assert sources.extra == ("https://b/",)


def test_default_index_is_uvs_own():
    default = uv_sources({}).default
    assert default is not None
    assert urlsplit(default).scheme == "https"
