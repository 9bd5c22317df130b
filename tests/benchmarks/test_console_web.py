"""The measurement of the web console's pages."""

from benchmarks.console_web import measure_dynamodb, measure_sqlite, summarise


def test_each_page_is_requested_from_either_store() -> None:
    sqlite = summarise(measure_sqlite(runs=60, rounds=1))
    assert sqlite["sqlite_list_bytes"] > sqlite["sqlite_no_matches_bytes"] > 1_000
    assert all(value > 0 for value in sqlite.values())
    dynamodb = summarise(measure_dynamodb(runs=60))
    assert dynamodb["dynamodb_list_calls_of_60"] == 3
    assert dynamodb["dynamodb_older_calls_of_60"] == 2
    assert len(dynamodb) == len(sqlite) / 2
