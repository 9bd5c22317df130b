"""What kind of command a shell command is, and what it writes."""

import pytest

from benchmarks.shell_commands import Kind, here_documents, kind_of, programs

EDIT = "cat > fix.py <<'EOF'\nopen('shop.py', 'w').write('rm -rf; pytest')\nEOF\n"


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("cd tests && ./runtests.py a b 2>&1 | tail -5", "tests"),
        ("PYTHONPATH=. python -m pytest -q", "tests"),
        ("python3 -m pip install mock", "install"),
        ("pip list | grep mock", "other"),
        (f"{EDIT}python fix.py", "script"),
        ("timeout 10 ./reproduce.sh", "script"),
        ("git checkout shop.py && ls", "git"),
        (EDIT, "write"),
        ("sed -i 's/a;b/c/' shop.py", "write"),
        ("sed -n '1,20p' shop.py", "view"),
        ("ls > /dev/null 2>&1", "view"),
        ("# Is it used?\ngrep -rn 'total(' . | head", "search"),
        ("nl -ba shop.py | grep total", "view"),
        ("whoami", "other"),
        ("echo 'an open quote", "view"),
    ],
)
def test_kind(command: str, kind: Kind) -> None:
    assert kind_of(command) == kind


def test_programs_of_a_command_with_pipes_and_redirections() -> None:
    first, second = programs("A=1 python -c 'print(1); x' 2>&1 | tee -a log > copy")
    assert first.words == ("python", "-c", "print(1); x")
    assert (second.words, second.redirections) == (("tee", "-a", "log"), ("copy",))
    assert (first.filters, second.filters) == (False, True)


def test_files_that_here_documents_write() -> None:
    command = "cat <<EOF > a.py\none\nEOF\ncat >> b.py << 'END'\ntwo\nthree\nEND\npython a.py"
    assert here_documents(command) == {"a.py": "one", "b.py": "two\nthree"}
