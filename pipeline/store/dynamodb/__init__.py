"""The RunStore of many machines: one DynamoDB table, every write conditional."""

from pipeline.store.dynamodb.layout import TIME_TO_LIVE, table_definition
from pipeline.store.dynamodb.store import DynamoStore

__all__ = ["TIME_TO_LIVE", "DynamoStore", "table_definition"]
