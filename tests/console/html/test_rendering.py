"""The layout that all pages share: what strangers wrote stays text, and nothing is loaded."""

import base64
import hashlib
import re

import pytest
from jinja2 import DictLoader, Environment

from console.html.rendering import make_environment
from pipeline.telemetry import Redactor

PAGE = """{% extends "layout.html.j2" %}
{% block title %}{{ text }}{% endblock %}
{% block main %}<p>{{ text }}</p>{% endblock %}"""
HOSTILE = "<script>alert(1)</script></style><img src=x onerror=alert(1)>\x1b[31m\u202egnp.exe\u0000"


def render(text: str, secrets: tuple[str, ...] = ()) -> str:
    environment = make_environment(redact=Redactor(secrets))
    add_template(environment, PAGE)
    return environment.get_template("page.html.j2").render(text=text)


def link(address: str) -> str:
    environment = make_environment(redact=Redactor(("s3cr3t-key",)))
    return environment.from_string("{{ address | link }}").render(address=address)


def add_template(environment: Environment, source: str) -> None:
    loaders = environment.loader.loaders  # type: ignore[union-attr]
    loaders.append(DictLoader({"page.html.j2": source}))


def test_hostile_text_has_no_effect() -> None:
    page = render(HOSTILE)
    assert page.count("<script") == 0
    assert page.count("</style>") == 1
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    for character in "\x1b\u202e\u0000":
        assert character not in page


def test_secrets_are_removed() -> None:
    page = render("the key is s3cr3t-key", ("s3cr3t-key",))
    assert "s3cr3t-key" not in page
    assert "the key is [redacted]" in page


@pytest.mark.parametrize("address", ["javascript:alert(1)", "https://[not-closed", "mailto:a@b"])
def test_what_is_no_web_address_is_no_link(address: str) -> None:
    assert link(address) == address


def test_a_link_has_no_secret() -> None:
    assert link("https://host/s3cr3t-key") == (
        '<a href="https://host/[redacted]">https://host/[redacted]</a>'
    )


def test_the_policy_allows_the_style_sheet_of_the_page_and_nothing_else() -> None:
    page = render("a title")
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy.replace("&#39;", "'").split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "script-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = render("a title")
    assert re.findall(r"(?:src|href)=\"(?!#)", page) == []
    assert "url(" not in page
    assert "@import" not in page


@pytest.mark.parametrize("landmark", ["<main ", "<header ", "<footer ", 'class="skip"'])
def test_landmarks_and_a_skip_link_are_there(landmark: str) -> None:
    assert landmark in render("a title")
