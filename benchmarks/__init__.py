"""This connector side by side with the alternatives: `make bench` (docs/benchmarks.md)."""
