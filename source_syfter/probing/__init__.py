"""How the probe finds out what an instance does: one module a question."""
