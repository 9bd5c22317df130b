"""Jobs as their senders write them, their identity, and the parsing of raw messages."""

from pipeline.job.fields import EXAMPLE_TIME, MAX_METADATA_BYTES, Limits, Options, Replay
from pipeline.job.jobs import (
    ADDRESS_REVIEW,
    CHECKS_REQUEST,
    FIX_ISSUE,
    SCHEMA_VERSION,
    AddressReviewJob,
    FixIssueJob,
    Job,
    JobType,
    derived_job_id,
)
from pipeline.job.parsing import (
    InvalidJob,
    JobRefusal,
    NewerSchema,
    NotJson,
    UnreadableMessage,
    explain,
    parse_job,
    shorten_invalid,
)
from pipeline.job.subjects import LOCAL_HOST, IssueRef, PullRef, Subject, is_pull_url, parse_subject

__all__ = [
    "ADDRESS_REVIEW",
    "CHECKS_REQUEST",
    "EXAMPLE_TIME",
    "FIX_ISSUE",
    "LOCAL_HOST",
    "MAX_METADATA_BYTES",
    "SCHEMA_VERSION",
    "AddressReviewJob",
    "FixIssueJob",
    "InvalidJob",
    "IssueRef",
    "Job",
    "JobRefusal",
    "JobType",
    "Limits",
    "NewerSchema",
    "NotJson",
    "Options",
    "PullRef",
    "Replay",
    "Subject",
    "UnreadableMessage",
    "derived_job_id",
    "explain",
    "is_pull_url",
    "parse_job",
    "parse_subject",
    "shorten_invalid",
]
