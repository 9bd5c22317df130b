"""The names that models give to the arguments of calls that edit files.

If a call has several of them, the first in the tuple counts. Sources: the tools of the agents that
``stages/propose_patch/agent/protocol/names.py`` lists.
"""

PATH_NAMES = (
    "file_path",
    "path",
    "filepath",
    "filename",
    "file_name",
    "target_file",
    "relative_path",
    "absolute_path",
    "relative_workspace_path",
    "file",
)
OLD_TEXT_NAMES = (
    "old_str",
    "old_string",
    "old_text",
    "old_code",
    "search",
    "search_string",
    "old",
    "original",
    "target",
)
NEW_TEXT_NAMES = (
    "new_str",
    "new_string",
    "new_text",
    "new_code",
    "replace",
    "replacement",
    "replacement_code",
    "new",
    "insert_text",
    "new_content",
    "content",
    "contents",
    "code",
    "text",
)
WHOLE_FILE_NAMES = ("file_text", "content", "contents", "file_content")
"""Names that mean the text of a whole file, if the call does not say what it does."""
FILE_TEXT_NAMES = (*WHOLE_FILE_NAMES, "new_content", "text", "code", "new_str")
START_NAMES = ("start_line", "line_start", "start")
END_NAMES = ("end_line", "line_end", "end")
INSERT_NAMES = (
    "insert_line",
    "line",
    "line_number",
    "after_line",
    "insert_after_line",
    "insert_at",
)
