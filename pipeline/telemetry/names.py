"""The names of spans and of their attributes: docs/observability.md lists them.

Those of a model call are OpenTelemetry's for generative AI, of which it is a client span
(https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/client-inference.md).
Attributes hold identities, counts and kinds: never a prompt, a reply, an argument of a command, the
message of an exception or the content of a file.
"""

# Spans

RUN = "run"
"""From the registration of a run to its outcome: over all of its deliveries and waits."""
DELIVERY = "delivery"
"""One delivery's work on a run."""
ROUND = "round"
"""One pass over the stages."""
STEP = "step"
"""A step of the agent: a reply, and what its calls showed."""
SANDBOX = "sandbox"
"""A command in the sandbox."""


def stage_span(stage: str) -> str:
    return f"stage {stage}"


def git_span(command: str) -> str:
    return f"git {command}"


def model_span(model: str) -> str:
    """Return a model call's name: ``{gen_ai.operation.name} {gen_ai.request.model}``."""
    return f"{CHAT} {model}"


# Attributes of our own

JOB_ID = "coding_agent.job_id"
GENERATION = "coding_agent.generation"
REPOSITORY = "coding_agent.repository"
TRACE = "coding_agent.trace"
"""The ``trace`` of the run's events and log lines."""
DELIVERY_NUMBER = "coding_agent.delivery"
ROUND_NUMBER = "coding_agent.round"
STAGE = "coding_agent.stage"
ATTEMPT_NUMBER = "coding_agent.attempt"
STEP_NUMBER = "coding_agent.step"
OUTCOME = "coding_agent.outcome"
VERIFICATION = "coding_agent.verification"
COST_USD = "coding_agent.cost_usd"
ENDING = "coding_agent.ending"
"""How a delivery or a stage ended, if not with a result."""
DEFERRED = "deferred"
"""The run waits, and is delivered again."""
INTERRUPTED = "interrupted"
"""The worker stops or lost its lease, or a time limit was reached."""
BACK = "back"
"""The stage opens another round."""
RESTORED = "restored"
"""The stage's local state was rebuilt from its stored result."""
NETWORK = "coding_agent.sandbox.network"
EXCEEDED = "coding_agent.sandbox.exceeded"
"""The limit at which the sandbox ended a command."""

# OpenTelemetry's

ERROR_TYPE = "error.type"
EXIT_CODE = "process.exit.code"
CHAT = "chat"
OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
MAX_TOKENS = "gen_ai.request.max_tokens"
TEMPERATURE = "gen_ai.request.temperature"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
