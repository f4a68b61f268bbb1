"""Check, plan and apply a version-controlled Airbyte configuration."""

__version__ = "0.1.0"
