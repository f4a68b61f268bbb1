"""A local Syfter instance: real HTTP, seeded data, changes and faults on demand. `python -m sandbox --help`."""

from sandbox.auth import (
    ACCESS_TOKEN,
    API_KEY,
    AUTH_TYPES,
    CLIENT_ID,
    CLIENT_SECRET,
    PASSWORD,
    TOKEN_PATH,
    USERNAME,
)
from sandbox.fault_registry import FAULTS, Fault
from sandbox.models import COLLECTIONS
from sandbox.server import Sandbox, running
from sandbox.state import RecordedRequest
from sandbox.variants import SHAPED, VARIANTS, Variant, canonical

__all__ = [
    "ACCESS_TOKEN",
    "API_KEY",
    "AUTH_TYPES",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "COLLECTIONS",
    "FAULTS",
    "PASSWORD",
    "SHAPED",
    "TOKEN_PATH",
    "USERNAME",
    "VARIANTS",
    "Fault",
    "RecordedRequest",
    "Sandbox",
    "Variant",
    "canonical",
    "running",
]
