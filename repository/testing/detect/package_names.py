"""The names of packages: of the modules that they provide, on PyPI, and in conda's channels."""

from collections.abc import Iterator, Mapping

from packaging.utils import canonicalize_name

DISTRIBUTIONS = {
    "Bio": "biopython",
    "Crypto": "pycryptodome",
    "Cryptodome": "pycryptodomex",
    "MySQLdb": "mysqlclient",
    "OpenGL": "pyopengl",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "Xlib": "python-xlib",
    "absl": "absl-py",
    "attr": "attrs",
    "barcode": "python-barcode",
    "bs4": "beautifulsoup4",
    "consul": "python-consul",
    "corsheaders": "django-cors-headers",
    "crispy_forms": "django-crispy-forms",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "discord": "discord.py",
    "django_filters": "django-filter",
    "dns": "dnspython",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "engineio": "python-engineio",
    "environ": "django-environ",
    "factory": "factory-boy",
    "fitz": "pymupdf",
    "frontmatter": "python-frontmatter",
    "git": "gitpython",
    "github": "pygithub",
    "gitlab": "python-gitlab",
    "google": "protobuf",
    "google.api": "googleapis-common-protos",
    "google.auth": "google-auth",
    "google.oauth2": "google-auth",
    "google.protobuf": "protobuf",
    "google.rpc": "googleapis-common-protos",
    "google.type": "googleapis-common-protos",
    "googleapiclient": "google-api-python-client",
    "grpc": "grpcio",
    "grpc_tools": "grpcio-tools",
    "haystack": "django-haystack",
    "iris": "scitools-iris",
    "jenkins": "python-jenkins",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "kafka": "kafka-python",
    "ldap": "python-ldap",
    "magic": "python-magic",
    "mpl_toolkits": "matplotlib",
    "nacl": "pynacl",
    "odf": "odfpy",
    "pkg_resources": "setuptools",
    "pptx": "python-pptx",
    "proto": "proto-plus",
    "psycopg2": "psycopg2-binary",
    "pythonjsonlogger": "python-json-logger",
    "rest_framework": "djangorestframework",
    "rest_framework_simplejwt": "djangorestframework-simplejwt",
    "ruamel": "ruamel.yaml",
    "ruamel.yaml": "ruamel.yaml",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "snappy": "python-snappy",
    "socketio": "python-socketio",
    "socks": "pysocks",
    "speech_recognition": "speechrecognition",
    "stdnum": "python-stdnum",
    "storages": "django-storages",
    "systemd": "systemd-python",
    "telegram": "python-telegram-bot",
    "umap": "umap-learn",
    "usb": "pyusb",
    "vcr": "vcrpy",
    "websocket": "websocket-client",
    "win32api": "pywin32",
    "win32com": "pywin32",
    "wx": "wxpython",
    "xdist": "pytest-xdist",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
"""Module -> the package on PyPI that provides it, if the names differ."""

_NAMESPACES = frozenset(
    {
        "azure",
        "azure.mgmt",
        "azure.storage",
        "backports",
        "google",
        "google.cloud",
        "jaraco",
        "opentelemetry",
        "repoze",
        "ruamel",
        "sphinxcontrib",
        "zope",
    }
)
"""Modules that several packages share: each provides a module in them."""

_PYPI_NAMES = {
    "dask-core": "dask",
    "geopandas-base": "geopandas",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "opencv": "opencv-python-headless",
    "pandas-base": "pandas",
    "psycopg2": "psycopg2-binary",
    "py-lightgbm": "lightgbm",
    "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost",
    "pyarrow-core": "pyarrow",
    "pyqt": "pyqt5",
    "pytables": "tables",
    "python-duckdb": "duckdb",
    "python-fastjsonschema": "fastjsonschema",
    "python-graphviz": "graphviz",
    "python-kaleido": "kaleido",
    "python-levenshtein": "levenshtein",
    "python-lmdb": "lmdb",
    "python-tzdata": "tzdata",
    "python-xxhash": "xxhash",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "ruamel-yaml": "ruamel.yaml",
    "tensorflow-base": "tensorflow",
    "tensorflow-cpu": "tensorflow",
    "tensorflow-gpu": "tensorflow",
}
"""Conda's name -> PyPI's, if they differ."""
_ONLY_IN_CONDA = frozenset(
    {
        "blas",
        "boost",
        "c-compiler",
        "ca-certificates",
        "compilers",
        "cudatoolkit",
        "cxx-compiler",
        "eigen",
        "ffmpeg",
        "fftw",
        "fortran-compiler",
        "gcc",
        "gdal",
        "geos",
        "git",
        "graphviz",
        "gxx",
        "hdf5",
        "libgdal",
        "libnetcdf",
        "llvm",
        "llvm-openmp",
        "make",
        "mamba",
        "mkl",
        "mpich",
        "netcdf-fortran",
        "nodejs",
        "openblas",
        "openmpi",
        "openssl",
        "pandoc",
        "pip",
        "postgresql",
        "proj",
        "python",
        "python-abi",
        "qt",
        "r-base",
        "readline",
        "sqlite",
        "tk",
        "zlib",
    }
)
"""Programs, libraries and interpreters: PyPI has other packages of these names, or none."""


def importable_name(dotted: str) -> str:
    """Return the part of an imported name that stands for a package.

    This is its first part; in a namespace, it includes the first part below it.
    """
    parts = dotted.split(".")
    name = parts[0]
    for part in parts[1:]:
        if name not in _NAMESPACES:
            break
        name = f"{name}.{part}"
    return name


def distribution_of(module: str) -> str:
    """Return the name of the package on PyPI that most likely provides a module."""
    known = DISTRIBUTIONS.get(module)
    if known is not None:
        return known
    return canonicalize_name(module) if "." in module else module


def known_requirement(module: str, known: Mapping[str, str]) -> str | None:
    """Return the requirement for a module among those that the repository names.

    Args:
        module: The name of the module.
        known: Normalized package name -> requirement.
    """
    for name in _likely_names(module):
        requirement = known.get(canonicalize_name(name))
        if requirement is not None:
            return requirement
    return None


def _likely_names(module: str) -> Iterator[str]:
    """Yield the names that a package with this module may have, likeliest first."""
    yield distribution_of(module)
    yield module
    yield f"python-{module}"
    yield f"py{module}"
    yield f"{module}-python"
    yield f"{module}-py"
    yield f"django-{module}"


def pypi_name(conda_name: str) -> str | None:
    """Return the name on PyPI of a package of conda's; None if it is no Python package."""
    name = canonicalize_name(conda_name)
    if name in _ONLY_IN_CONDA or name.startswith(("r-", "_")):
        return None
    return _PYPI_NAMES.get(name, conda_name)
