"""A run's artifacts, to be saved: whatever they contain, a browser does not interpret them."""

from starlette.responses import Response

from console.web.visits import Visit
from pipeline.api.problem import Refusal
from pipeline.artifacts import validate_key
from pipeline.telemetry.redaction import Redactor


def download(visit: Visit) -> Response:
    run = visit.requested_run()
    try:
        key = validate_key(f"{run.key.prefix}/{visit.request.path_params['key']}")
        data = visit.services.artifacts.get(key)
    except (ValueError, OSError) as error:  # also a folder's name, or one that is too long
        message = "this artifact does not exist, or can't be read"
        raise Refusal(404, "not_found", message) from error
    name = key.rpartition("/")[2]
    return Response(
        _without_secrets(data, visit.services.redact),
        media_type="text/plain; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}.txt"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


def _without_secrets(data: bytes, redact: Redactor) -> bytes:
    """Return data without secrets. Bytes that are no text, such as those of a log, stay as they
    are.
    """
    return redact(data.decode(errors="surrogateescape")).encode(errors="surrogateescape")
