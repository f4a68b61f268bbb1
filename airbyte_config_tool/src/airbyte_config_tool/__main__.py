"""Runs the console script as `python -m airbyte_config_tool`."""

from airbyte_config_tool.cli import main

main()
