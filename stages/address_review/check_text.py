"""A failed check as text for the model."""

from pipeline.github.conversation import Annotation, FailedCheck
from stages.propose_patch import ReviewCheck

#: Failed checks that are shown.
MAX_CHECKS = 5


def describe_check(check: FailedCheck) -> ReviewCheck:
    """Return the check with everything that it says, one part below the other."""
    parts = [check.title, check.summary, check.text]
    parts += [_describe_annotation(annotation) for annotation in check.annotations]
    parts.append(check.log)
    text = "\n\n".join(part.strip() for part in parts if part.strip())
    return ReviewCheck(
        name=check.name, conclusion=check.conclusion, text=text or "(it says nothing)"
    )


def _describe_annotation(annotation: Annotation) -> str:
    place = f"{annotation.path}:{annotation.start_line}"
    return f"{place}: {annotation.level}: {annotation.title}\n{annotation.message}"
