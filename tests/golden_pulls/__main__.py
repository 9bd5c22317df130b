"""``python -m tests.golden_pulls``: render the golden pull requests again, for a person to read."""

from tests.golden_pulls import follow_ups
from tests.golden_pulls.cases import CASES
from tests.golden_pulls.rendering import file_of, render

for case in CASES:
    file_of(case).write_text(render(case).to_markdown())
follow_ups.FILE.write_text(follow_ups.render_follow_up().to_markdown())
