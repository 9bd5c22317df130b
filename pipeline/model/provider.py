"""Which provider serves a model."""

from pipeline.model.litellm_library import load_litellm

#: litellm's name of a provider -> OpenTelemetry's, where they differ
#: (``gen_ai.provider.name`` in
#: https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/registry/attributes/gen-ai.md).
_OTEL_NAMES = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}


def find_provider(model: str) -> str:
    """Return litellm's name of a model's provider.

    Raises:
        ValueError: litellm does not know it.
    """
    litellm = load_litellm()
    try:
        _, provider, _, _ = litellm.get_llm_provider(model=model)
    except litellm.exceptions.BadRequestError:
        raise ValueError(
            f"LiteLLM doesn't know the provider of the model {model!r}: write it before the name,"
            f" such as hosted_vllm/{model} for a server of your own"
        ) from None
    return str(provider)


def otel_provider(model: str) -> str:
    """Return OpenTelemetry's name of a model's provider, or else litellm's; ``_OTHER`` for one that
    litellm does not know.
    """
    try:
        provider = find_provider(model)
    except ValueError:
        return "_OTHER"
    return _OTEL_NAMES.get(provider, provider)
