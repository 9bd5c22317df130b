"""Rewrite the pages of a package index (PEP 503, 691, 700) so that their links lead to the proxy.

Links to files become paths with a signature, so that a sandbox can request no other files.
"""

import base64
import hashlib
import hmac
import html
import json
import re
import secrets
from collections.abc import Sequence
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

FILE_FOLDER = "file"
"""The first component of the paths of files."""

_METADATA_SUFFIX = ".metadata"
_SIGNATURE_LENGTH = 40
_LINK = re.compile(r"""(<(?:a|base)\b[^>]*?\bhref\s*=\s*)("[^"]*"|'[^']*')""", re.IGNORECASE)


class FileLinks:
    """Creates and parses the paths of files: ``/file/SIGNATURE/ADDRESS/NAME``."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def path_of(self, address: str) -> str:
        address, fragment = urldefrag(address)
        encoded = base64.urlsafe_b64encode(address.encode()).decode()
        encoded = encoded.rstrip("=")  # pip would quote the padding
        signature = self._sign(address)
        name = _quoted_name(address)
        path = f"/{FILE_FOLDER}/{signature}/{encoded}/{name}"
        if fragment:
            path += f"#{fragment}"
        return path

    def address_of(self, signature: str, encoded: str, name: str) -> str:
        """Return the address of a file, or of its metadata, given the parts of its path.

        Raises:
            ValueError: the path was not created by ``path_of``.
        """
        padding = "=" * (-len(encoded) % 4)
        address = base64.urlsafe_b64decode(encoded + padding).decode()
        own_signature = self._sign(address)
        if not hmac.compare_digest(signature.encode(), own_signature.encode()):
            raise ValueError("the signature is wrong")
        requested_name = unquote(name.partition("?")[0])
        own_name = unquote(_quoted_name(address))
        if requested_name == own_name:
            return address
        if requested_name == own_name + _METADATA_SUFFIX:
            return address.partition("?")[0] + _METADATA_SUFFIX
        raise ValueError("the name is another file's")

    def _sign(self, address: str) -> str:
        digest = hmac.new(self._key, address.encode(), hashlib.sha256).hexdigest()
        return digest[:_SIGNATURE_LENGTH]


def rewrite_page(
    body: bytes, address: str, content_type: str, indexes: Sequence[str], links: FileLinks
) -> bytes:
    """Return the page with its links to files leading to the proxy.

    Args:
        body: the page.
        address: the page's address, which its links are relative to.
        content_type: the media type; a page that is neither JSON nor HTML is not changed.
        indexes: addresses whose pages the proxy forwards: links to them are not changed.
        links: creates the paths of files.

    Raises:
        ValueError: it is not a page of an index.
    """
    if content_type.endswith("json"):
        return _rewrite_json(body, address, links)
    if "html" in content_type:
        return _rewrite_html(body, address, indexes, links)
    return body


def _rewrite_json(body: bytes, address: str, links: FileLinks) -> bytes:
    document = json.loads(body)
    try:
        for file in document.get("files", []):
            target = urljoin(address, file["url"])
            file["url"] = links.path_of(target)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("not a page of a package index") from error
    return json.dumps(document).encode()


def _rewrite_html(body: bytes, address: str, indexes: Sequence[str], links: FileLinks) -> bytes:
    base = address

    def rewrite(match: re.Match[str]) -> str:
        nonlocal base
        before = match[1]
        quoted_link = match[2]
        link = html.unescape(quoted_link[1:-1])
        target = urljoin(base, link)
        if before.lower().startswith("<base"):
            base = target
            return ""
        if target.endswith("/") and target.startswith(tuple(indexes)):
            return match[0]  # another page of the index, by a relative link
        path = html.escape(links.path_of(target))
        return f'{before}"{path}"'

    page = body.decode("utf-8", "replace")
    return _LINK.sub(rewrite, page).encode()


def _quoted_name(address: str) -> str:
    """Return the last component of an address's path."""
    return urlsplit(address).path.rpartition("/")[2]
