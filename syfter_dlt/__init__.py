"""Syfter into MySQL, MariaDB and every other destination of dlt: runs the connector, merges what it reads, keeps its state."""
