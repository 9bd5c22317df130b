"""AWS sessions."""

from typing import Any

from pipeline.aws import async_session, session


def loader(new_session: Any) -> object:
    loader: object = new_session._session.get_component("data_loader")
    return loader


def test_all_sessions_share_botocores_parsed_files() -> None:
    shared = loader(session())
    assert loader(session()) is shared
    assert loader(async_session()) is shared
