"""What can go wrong, by name. Every message states the rule, the value and the way out."""

from __future__ import annotations


class WorkbenchError(Exception):
    """Base of all errors that the workbench raises on purpose."""


class SpaceError(WorkbenchError, ValueError):
    """A search space, or one of its parameters, is not well formed."""


class ConfigError(WorkbenchError, ValueError):
    """A configuration does not belong to its space.

    Parameters
    ----------
    message
        Rule, value, way out.
    parameter
        Name of the parameter at fault.
    rule
        Which rule was broken: ``"unknown"``, ``"missing"``, ``"inactive"``, ``"type"``, ``"range"``, ``"step"``,
        ``"option"`` or ``"forbidden"``.
    value
        The offending value.
    """

    def __init__(self, message: str, *, parameter: str, rule: str, value: object = None) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.rule = rule
        self.value = value


class ObjectiveError(WorkbenchError):
    """What the objective returned or yielded cannot be read as a loss."""


class RunError(WorkbenchError, RuntimeError):
    """A run was asked for something that its state does not allow."""


class SearchExhausted(WorkbenchError):
    """An algorithm has nothing left to suggest: a grid is finished, a discrete space is used up. Ends a run as done."""


class MissingExtra(WorkbenchError, ImportError):
    """Something needs a package that is installed on request only."""


class StorageError(WorkbenchError):
    """A run cannot be written or read: a full disk, a read-only folder, a file that is not ours."""


class LogError(WorkbenchError, ValueError):
    """An event log file is malformed."""
