"""The notebook side of the workbench: live views, run panel, space editor."""
