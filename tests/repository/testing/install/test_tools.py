"""The operator's variables that reach the installs."""

from repository.testing.install.tools import index_settings


def test_installs_get_the_index_settings_without_passwords() -> None:
    environ = {
        "UV_DEFAULT_INDEX": "https://user:secret@index.example/simple",
        "UV_FIND_LINKS": "/wheels https://links.example/",
        "GITHUB_TOKEN": "x",
        "UV_PUBLISH_TOKEN": "y",
        "UV_OFFLINE": "",
        "SSL_CERT_FILE": "/etc/ssl/ca.pem",
    }
    assert index_settings(environ) == {
        "UV_FIND_LINKS": "/wheels https://links.example/",
        "SSL_CERT_FILE": "/etc/ssl/ca.pem",
    }
