"""Which pages may send the console's forms, and load its pages."""

from starlette.requests import Request

from pipeline.api.problem import Refusal

#: Values of Sec-Fetch-Site for the console's own pages, and for what the person asks for
#: (https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header).
_OWN_SITES = ("same-origin", "none")


def check_origin(request: Request) -> None:
    """Refuse a form that was not sent from one of the console's own pages.

    Raises:
        Refusal: 403.
    """
    origin = request.headers.get("origin", "")
    host = request.headers.get("host", "")
    if not host or origin not in (f"http://{host}", f"https://{host}"):
        raise Refusal(403, "foreign_form", "this form was sent from a page of another site")


def check_embedding(request: Request) -> None:
    """Refuse a request with which a page of another site loads a part of itself, such as an image.

    That page could not read the response, but looking at dead letters hides them from others for
    some seconds. Links to the console work. Browsers without the headers are not refused.

    Raises:
        Refusal: 403.
    """
    site = request.headers.get("sec-fetch-site", "none")
    is_link = request.headers.get("sec-fetch-dest") == "document"
    if site not in _OWN_SITES and not is_link:
        message = "a page of another site may link to this page, but not contain it"
        raise Refusal(403, "embedded", message)
