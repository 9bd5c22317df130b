"""supervisord for the local stack: its configuration, its start and its end."""

import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from examples.stack.layout import ROOT, Stack

START_SECONDS = 60.0
#: Bytes of the path of a Unix socket (https://man7.org/linux/man-pages/man7/unix.7.html).
MAX_SOCKET_PATH = 107
#: A worker hands its runs back before it ends.
_STOP_SECONDS = 30
_BIN = Path(sys.executable).parent
#: All that the parts get of the caller's environment, unless they use real services. A token of the
#: caller's would take the place of the stand-in's.
_INHERITED = ("PATH", "HOME", "LANG")


class StackFailed(Exception):
    """The stack can't be started or stopped; the message says why."""


class Supervision:
    def __init__(self, stack: Stack):
        self._stack = stack
        self._configuration = stack.home / "supervisord.conf"
        self._socket = stack.home / "supervisor.sock"

    def control_command(self, *arguments: str) -> list[str]:
        """Return the command line that asks supervisord for something."""
        return [str(_BIN / "supervisorctl"), "-c", str(self._configuration), *arguments]

    def is_running(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self._socket))
            except OSError:
                return False
        return True

    def has_these_options(self) -> bool:
        """Return whether the stack that runs was started with the options of this one."""
        if self._configuration.read_text() != self._render():
            return False
        return self._stack.has_written_settings()

    def start(self) -> None:
        """Start all parts and wait until they answer; stop them all if one does not.

        Raises:
            StackFailed: a port is in use, the folder's path is too long, or a part does not start.
        """
        self._check_socket()
        self._check_ports()
        self._stack.logs.mkdir(parents=True, exist_ok=True)
        self._configuration.write_text(self._render())
        command = [str(_BIN / "supervisord"), "-c", str(self._configuration)]
        subprocess.run(command, cwd=ROOT, env=self.environment(), check=True)
        try:
            self._wait_for("aws", self._has_resources)
            if not self._stack.real_github:
                self._wait_for("github", lambda: _answers(self._stack.ports.github, "/api/v3/meta"))
            self._control("start", "worker")
            self._wait_for("worker", lambda: _answers(self._stack.ports.api, "/health"))
            # The worker has made the store that the console reads.
            self._control("start", "console")
            self._wait_for("console", lambda: _answers(self._stack.ports.console, "/"))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> bool:
        """Stop all parts and wait for their end. Returns whether there was something to stop."""
        if not self.is_running():
            return False
        self._control("shutdown")
        deadline = time.monotonic() + 2 * _STOP_SECONDS
        while self.is_running():
            if time.monotonic() > deadline:
                raise StackFailed(f"supervisord does not end: see {self._stack.logs}")
            time.sleep(0.1)
        return True

    def _control(self, *arguments: str) -> None:
        command = self.control_command(*arguments)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def environment(self) -> Mapping[str, str]:
        """Return the variables of the parts. Those of the settings file are not among them: the
        environment would take precedence over it.
        """
        if self._stack.real_github or self._stack.model:
            settings = self._stack.settings
            return {name: value for name, value in os.environ.items() if name not in settings}
        return {name: os.environ[name] for name in _INHERITED if name in os.environ}

    def _check_socket(self) -> None:
        length = len(os.fsencode(self._socket))
        if length > MAX_SOCKET_PATH:
            raise StackFailed(
                f"the path {self._socket} has {length} bytes, and a socket's at most"
                f" {MAX_SOCKET_PATH}: choose another folder with --home, in make as"
                " ARGUMENTS='--home FOLDER'"
            )

    def _check_ports(self) -> None:
        ports = self._stack.ports
        options = {"api": ports.api, "console": ports.console, "aws": ports.aws}
        if not self._stack.real_github:
            options["github"] = ports.github
        for name, port in options.items():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    raise StackFailed(
                        f"port {port} can't be used ({error.strerror}): choose another one with"
                        f" --{name}-port, in make as ARGUMENTS='--{name}-port PORT'"
                    ) from None

    def _wait_for(self, part: str, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            if time.monotonic() > deadline:
                log = self._stack.logs / f"{part}.log"
                last_lines = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
                raise StackFailed(f"{part} does not start; the end of {log}:\n{last_lines}")
            time.sleep(0.1)

    def _has_resources(self) -> bool:
        """Return whether the queue and the topic exist."""
        with suppress(BotoCoreError, ClientError):
            self._stack.aws.sqs.get_queue_attributes(QueueUrl=self._stack.queue_url)
            self._stack.aws.sns.get_topic_attributes(TopicArn=self._stack.topic_arn)
            return True
        return False

    def _render(self) -> str:
        stack = self._stack
        program = [str(_BIN / "coding-agent"), "--data-dir", str(stack.data_dir)]
        module = [sys.executable, "-m"]
        parts = {
            "aws": [*module, "examples.stack.aws", str(stack.ports.aws), str(stack.home / "aws")],
            "worker": [*program, "worker", "--log", "text"],
            "console": [
                *program,
                "console",
                "--allow-actions",
                "--port",
                str(stack.ports.console),
            ],
        }
        if not stack.real_github:
            folder = str(stack.home / "github")
            parts["github"] = [*module, "examples.stack.github", str(stack.ports.github), folder]
        sections = [
            _section(
                "supervisord",
                pidfile=stack.home / "supervisord.pid",
                logfile=stack.logs / "supervisord.log",
                childlogdir=stack.logs,
                directory=ROOT,
            ),
            _section("unix_http_server", file=self._socket, chmod="0700"),
            _section("supervisorctl", serverurl=f"unix://{self._socket}"),
            "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory ="
            " supervisor.rpcinterface:make_main_rpcinterface\n",
        ]
        for name, command in parts.items():
            is_first = name in ("aws", "github")
            sections.append(self._program(name, command, autostart=is_first))
        return "\n".join(sections)

    def _program(self, name: str, command: list[str], *, autostart: bool) -> str:
        # A part ends with supervisord, also if that is killed: else it would keep its port.
        line = shlex.join(["setpriv", "--pdeathsig", "TERM", *command])
        return _section(
            f"program:{name}",
            command=line,
            autostart=str(autostart).lower(),
            autorestart="true",
            startretries=100,
            stopwaitsecs=_STOP_SECONDS,
            # The worker uses AWS and GitHub until its end: they stop last, in reverse order.
            priority=1 if autostart else 2,
            redirect_stderr="true",
            stdout_logfile=self._stack.logs / f"{name}.log",
        )


def _section(name: str, **values: object) -> str:
    lines = [f"[{name}]\n"]
    for key, value in values.items():
        # supervisord expands %(...)s.
        escaped = str(value).replace("%", "%%")
        lines.append(f"{key} = {escaped}\n")
    return "".join(lines)


def _answers(port: int, path: str) -> bool:
    """Return whether an HTTP server answers there without a failure of its own."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
