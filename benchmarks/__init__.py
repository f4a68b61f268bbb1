"""This connector side by side with what a user would pick instead: `make bench` (docs/benchmarks.md)."""
