"""A change that consists of files, which obey the same rules as a reply's edits."""

import pytest

from repository.config import EditRules
from repository.edits.apply_files import AppliedFiles, NewFile, apply_files
from repository.edits.editable_files import EditableFiles
from repository.edits.model import EditFailed
from repository.edits.policy import EditPolicy
from repository.git import Entry
from stages.propose_patch.base_code import syntax_checker

BASE = {
    "calc.py": b"def add(a, b):\n    return a - b\n",
    "test_calc.py": b"def test_add():\n    assert add(1, 2) == 3\n",
    "run.sh": b"echo hi\n",
    "latin.py": "name = 'é'\n".encode("latin-1"),
    "logo.png": b"\x89PNG\0\0",
    "broken.py": b"def (\n",
}
FIXED = NewFile(b"def add(a, b):\n    return a + b\n")


def apply(files: dict[str, NewFile], **rules: object) -> AppliedFiles:
    entries = [Entry("100644", path, len(data), path) for path, data in BASE.items()]
    entries.append(Entry("120000", "link", 4, "link"))
    base = EditableFiles(entries, lambda entry: BASE.get(entry.path, b"calc.py"))
    policy = EditPolicy(EditRules.model_validate(rules), ["deploy/*"])
    return apply_files(files, base, policy, syntax_checker(lambda: base, ()))


def test_files_are_changed_created_deleted_and_made_executable() -> None:
    applied = apply(
        {
            "calc.py": FIXED,
            "src/new.py": NewFile(b"x = 1\n"),
            "run.sh": NewFile(BASE["run.sh"], executable=True),
            "broken.py": NewFile(None),
            "latin.py": NewFile("name = 'è'\n".encode("latin-1")),
        }
    )
    assert applied.left_out == {}
    assert applied.contents["calc.py"] == FIXED.content
    assert applied.contents["broken.py"] is None
    assert applied.executable["run.sh"]
    assert sorted(applied.files) == ["broken.py", "calc.py", "latin.py", "run.sh", "src/new.py"]


def test_a_file_that_does_not_differ_is_no_change() -> None:
    applied = apply({"calc.py": FIXED, "run.sh": NewFile(BASE["run.sh"])})
    assert list(applied.files) == ["calc.py"]
    with pytest.raises(EditFailed, match="No file differs"):
        apply({"run.sh": NewFile(BASE["run.sh"])})


REFUSED = {
    ".github/workflows/ci.yml": (NewFile(b"on: push\n"), "workflows can't be changed"),
    "deploy/x.py": (NewFile(b"x = 1\n"), "the deployment protects `deploy/*`"),
    "poetry.lock": (NewFile(b"x\n"), "`lock files`"),
    "../escape.py": (NewFile(b"x = 1\n"), "without '..'"),
    "new.png": (NewFile(b"\x89PNG\0"), "binary file"),
    "logo.png": (NewFile(b"text\n"), "binary file"),
    "link": (NewFile(b"x\n"), "symbolic link"),
    "big.txt": (NewFile(b"x" * 1_000_001), "at most 1000000"),
    "data.csv": (NewFile(b"a,b\n" * 2_001), "at most 2000"),
    "wrong.py": (NewFile(b"def (\n"), "no longer parses: SyntaxError"),
    "merged.txt": (NewFile(b"<<<<<<< HEAD\n"), "conflict marker"),
    "elided.py": (NewFile(b"# ... rest of the code\n"), "leaves code out"),
}


@pytest.mark.parametrize("path", REFUSED)
def test_a_refused_file_is_left_out_with_its_reason_and_the_rest_stays(path: str) -> None:
    file, reason = REFUSED[path]
    applied = apply({"calc.py": FIXED, path: file})
    assert list(applied.files) == ["calc.py"]
    assert reason in applied.left_out[path]
    with pytest.raises(EditFailed, match="No file that may be changed"):
        apply({path: file})


def test_a_file_that_never_parsed_may_stay_so() -> None:
    assert "broken.py" in apply({"broken.py": NewFile(b"def (:\n")}).files


def test_a_change_that_is_too_large_is_refused_as_a_whole() -> None:
    with pytest.raises(EditFailed, match="change 3 files; at most 2"):
        apply({f"{number}.py": NewFile(b"x = 1\n") for number in range(3)}, max_files=2)
    with pytest.raises(EditFailed, match="501 files differ"):
        apply({f"{number}.py": NewFile(b"x = 1\n") for number in range(501)})


def test_weakened_tests_are_notices_for_the_reviewer() -> None:
    applied = apply({"test_calc.py": NewFile(b"def test_add():\n    pass\n")})
    assert applied.notices == ("`test_calc.py`: fewer assertions in test_add",)
    assert apply({"test_calc.py": NewFile(None)}).notices == ("`test_calc.py` is removed",)
