"""Measurements of the workbench beside its peers: ``python -m benchmarks --help``."""
