"""Test support: a stand-in of Airbyte's public API, the contract it is held against, and a connector's recorded answers."""
