"""Interactive AutoML workbench."""
