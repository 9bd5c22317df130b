"""Say what the tests lacked, and which line of which file would provide it."""

import re

from repository.config import CONFIG
from repository.testing.detect.package_names import distribution_of
from repository.testing.loading.symptoms import Lack, find_symptoms

_TABLE = f"under [tests] in {CONFIG}"
_LIBRARY = re.compile(r"\b(lib[\w.+-]{1,60}\.so[.\d]{0,12}): cannot open shared object file")
_SETTINGS = re.compile(r"settings are not configured|DJANGO_SETTINGS_MODULE")
_SERVER = re.compile(r"Connection refused|could not connect to server", re.I)


def advise(output: str) -> str:
    """Return what ``output``, the end of a run without any result, asks for, in a sentence."""
    for symptom in find_symptoms(output):
        if symptom.lack is Lack.MODULE:
            package = distribution_of(symptom.name)
            return (
                f'the module {symptom.name} is missing; requirements = ["{package}"] {_TABLE}'
                " would install its package"
            )
        if symptom.lack is Lack.PACKAGE:
            return f'requirements = ["{symptom.name}"] {_TABLE} would install what is missing'
        return (
            f"the {symptom.lack} {symptom.name} is unknown to pytest; requirements = [...] {_TABLE}"
            " can name the plugin that has it"
        )
    if library := _LIBRARY.search(output):
        return (
            f"this machine lacks {library[1]}, which no line can install; files = [...] {_TABLE}"
            " can leave out the tests that need it"
        )
    if _SETTINGS.search(output):
        return (
            f'environment = {{ DJANGO_SETTINGS_MODULE = "..." }} {_TABLE} would name the settings'
        )
    if _SERVER.search(output):
        return (
            "they need a server, which the sandbox does not have;"
            f" files = [...] {_TABLE} can leave those tests out"
        )
    return f"runner or command {_TABLE} can say how they are run"
