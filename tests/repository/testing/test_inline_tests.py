"""The tests inside of Rust's sources as a part of a change."""

from hypothesis import given, settings
from hypothesis import strategies as st

from repository.testing.inline_tests import take_over_inline_tests

OLD = """pub fn add(a: i32, b: i32) -> i32 {
    a - b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero() {
        assert_eq!("}", r#"}"#); // }
        let brace: (char, &'static str) = ('}', "\\"}"); /* } /* } */ } */
        assert_eq!(add(0, 0), 0);
    }
}

pub fn after() {}
"""
NEW = OLD.replace("a - b", "a + b").replace("add(0, 0), 0", "add(2, 3), 5")


def test_test_modules_are_taken_over_and_nothing_else() -> None:
    assert take_over_inline_tests(OLD, NEW) == OLD.replace("add(0, 0), 0", "add(2, 3), 5")


def test_a_new_test_module_is_added() -> None:
    old = "pub fn add() {}\n"
    module = "#[cfg(test)]\n#[allow(dead_code)]\nmod tests {\n    #[test]\n    fn a() {}\n}"
    own = take_over_inline_tests(old, f"pub fn add() {{ 1 }}\n\n{module}\n")
    assert own == f"{old}\n{module}\n"


def test_a_change_without_changed_tests_has_none() -> None:
    assert take_over_inline_tests(OLD, OLD.replace("a - b", "a + b")) is None
    assert take_over_inline_tests(OLD, "pub fn add() {}\n") is None
    assert take_over_inline_tests("", "#[cfg(test)]\nmod tests {") is None


PIECES = ["#[cfg(test)]\n", "mod tests {", "}", "{", '"', 'r#"', "/*", "*/", "'", "//", "\n", "a"]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(PIECES)), st.lists(st.sampled_from(PIECES)))
def test_no_source_breaks_it(old: list[str], new: list[str]) -> None:
    own = take_over_inline_tests("".join(old), "".join(new))
    assert own is None or own != "".join(old)


def test_a_string_without_an_end_costs_no_time() -> None:
    endless = '#[cfg(test)]\nmod tests { "' + '\\"' * 200_000
    assert take_over_inline_tests(endless, NEW) is not None
