"""The options of test runners in npm scripts: which are kept, and which words are files."""

from collections.abc import Mapping
from dataclasses import dataclass

from repository.runners import Runner
from repository.testing.detect.node.runner_calls import RunnerCall
from repository.testing.detect.node.shell_words import Command, Word, names
from repository.testing.node_project import NodeCommand


@dataclass(frozen=True)
class _Options:
    dropped: frozenset[str] = frozenset()
    """Options without a value that our runs leave out."""
    dropped_with_value: frozenset[str] = frozenset()
    with_value: frozenset[str] = frozenset()
    """Other options whose value is the next word."""
    subcommands: frozenset[str] = frozenset()
    """First words that choose a mode; ours is set instead."""


_NODE_OPTIONS_WITH_VALUE = names(
    """
    -r --require --import --loader --experimental-loader -C --conditions --test-name-pattern
    --test-skip-pattern --env-file --test-concurrency --project -P --tsconfig --max-old-space-size
    """
)
_OPTIONS: Mapping[Runner, _Options] = {
    "mocha": _Options(
        dropped=names("-b --bail -w --watch --no-timeout --no-timeouts"),
        dropped_with_value=names(
            """
    -R --reporter -O --reporter-option --reporter-options -t --timeout
    --watch-files --watch-ignore
    """
        ),
        with_value=names(
            """
    -r --require -u --ui -s --slow -g --grep -f --fgrep --opts --config --package
    --extension --ext --ignore --exclude --file --retries -j --jobs --compilers
    --globals --import -n --node-option --loader --experimental-loader -p
    --project --paths
    """
        ),
    ),
    "jest": _Options(
        dropped=names(
            """
    -b --bail --watch --watchAll --json -u --updateSnapshot -i --runInBand -o
    --onlyChanged --ci --notify --lastCommit --coverage
    """
        ),
        dropped_with_value=names(
            """
    --reporters --outputFile --changedSince -w --maxWorkers --shard --testTimeout
    --coverageReporters
    """
        ),
        with_value=names(
            """
    -c --config --env --rootDir --roots --projects -t --testNamePattern
    --testPathIgnorePatterns --setupFilesAfterEnv --selectProjects --testMatch
    --testRegex --transform --preset
    """
        ),
    ),
    "vitest": _Options(
        dropped=names(
            "--watch -w -u --update --ui --typecheck --open --run --coverage --no-coverage"
        ),
        dropped_with_value=names("--reporter --outputFile --changed --bail --shard --testTimeout"),
        with_value=names(
            """
    -c --config -r --root --dir --project --environment --pool -t
    --testNamePattern --mode --exclude --retry
    """
        ),
        subcommands=names("run watch dev"),
    ),
    "node:test": _Options(
        dropped=names("--watch --experimental-test-coverage --inspect --inspect-brk"),
        dropped_with_value=names(
            "--test-reporter --test-reporter-destination --test-timeout --test-shard"
        ),
        with_value=_NODE_OPTIONS_WITH_VALUE,
    ),
    "jasmine": _Options(
        dropped=names("--fail-fast --stop-on-failure=true --parallel=auto"),
        dropped_with_value=names("--reporter --parallel"),
        with_value=names("--config --helper --require --filter --seed"),
    ),
    "tap": _Options(
        dropped=names(
            """
            --no-coverage --cov --100 --disable-coverage --allow-incomplete-coverage --watch -w
            --verbose -v --fail-fast --no-worker-threads --tap -t
            """
        ),
        dropped_with_value=names("-T --timeout -c --concurrency"),
        with_value=_NODE_OPTIONS_WITH_VALUE | names("--config -i --ignore"),
    ),
}


def read_call(call: RunnerCall) -> NodeCommand:
    """Return the command without the options that choose reports, watching or stopping early."""
    options = _OPTIONS.get(call.runner, _Options())
    kept: list[str] = []
    files: list[str] = []
    rest = list(call.arguments)
    if rest and rest[0].value in options.subcommands:
        rest.pop(0)
    while rest:
        word = rest.pop(0)
        name, has_value, _ = word.value.partition("=")
        if name == "--":
            files += [word.raw for word in rest]
            break
        if name in options.dropped_with_value:
            _drop_value(rest, has_value)
        elif name in options.dropped:
            continue
        elif not name.startswith("-"):
            files.append(word.raw)
        else:
            kept.append(word.raw)
            if name in options.with_value and not has_value and rest:
                kept.append(rest.pop(0).raw)
    if call.program[-1].program == "ava":
        kept.append("--tap")
    return NodeCommand(
        runner=call.runner,
        program=_raw(call.program),
        options=tuple(kept),
        files=tuple(files),
    )


def _drop_value(rest: list[Word], has_value: str) -> None:
    if not has_value and rest and not rest[0].value.startswith("-"):
        rest.pop(0)


def _raw(words: Command) -> tuple[str, ...]:
    return tuple(word.raw for word in words)
