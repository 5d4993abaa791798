"""Schedulers: how many steps a trial gets. Each a frozen dataclass that opens the books of a run, ``schedule()``."""
