"""Links in npm's documents about packages.

A document states the address of each version's file. A sandbox reaches only the proxy; npm itself
can replace the host of such an address, but pnpm and yarn can't.
"""

import re

#: Bounded, since a document is hostile input: an address may have 600 characters.
_FILE_LINK = re.compile(
    rb'("tarball"\s{0,9}:\s{0,9}")https?://[^"/]{1,200}(?:/[^"]{0,200}?)??/'
    rb'((?:@[^"/]{1,200}/)?[^"/]{1,200}/-/[^"/]{1,200}")'
)
_HOST = re.compile(r"[\w.:-]{1,100}")


def rewrite_links(document: bytes, host: str, number: int) -> bytes:
    """Return a document whose files are below the registry's path of the proxy.

    Args:
        document: as the registry sent it.
        host: the proxy's name and port, as the sandbox calls it.
        number: the registry's number among the proxy's addresses.
    """
    if not _HOST.fullmatch(host):
        return document
    prefix = f"http://{host}/{number}/".encode()
    return _FILE_LINK.sub(lambda match: match[1] + prefix + match[2], document)
