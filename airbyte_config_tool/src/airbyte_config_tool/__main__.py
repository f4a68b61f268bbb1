"""Lets `python -m airbyte_config_tool` stand in for the console script."""

from airbyte_config_tool.cli import main

main()
