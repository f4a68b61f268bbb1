"""Syfter into MySQL, MariaDB and every other destination of dlt: runs the connector, merges what it reads, keeps its state."""

import os

# In dlt's files a decimal or a date is text behind a mark. dlt's own marks are characters of icon fonts; these are no characters.
os.environ.setdefault("DLT_JSON_TYPED_PUA_START", "0xfdd0")
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")  # dlt logs statements, and with them records
