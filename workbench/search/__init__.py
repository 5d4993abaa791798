"""Black-box searches, one algorithm a file: each a frozen dataclass with one method, ``suggest``."""
