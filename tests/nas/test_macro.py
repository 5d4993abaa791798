"""NAS-Bench-Macro: parameters, multiply-adds and how many differ, to the last digit."""

from pathlib import Path

import pandas as pd
import pytest

from workbench.errors import ConfigError, SpaceError
from workbench.nas.macro import MACRO, NANO_MACRO, MacroSpace

TABLE = Path(__file__).parents[3] / "shared" / "data" / "nasbench_macro.csv.gz"


def test_3969_of_6561_differ():
    """Both numbers are the paper's."""
    assert MACRO.n_architectures == 6561
    assert MACRO.count_distinct() == 3969 == len({MACRO.canonical(c) for c in MACRO})


def test_sizes_are_those_of_the_published_table():
    if not TABLE.exists():
        pytest.skip("the table of NAS-Bench-Macro is not here: xiusu/NAS-Bench-Macro has it")
    table = pd.read_csv(TABLE, dtype={"arch": str})
    assert len(table) == 6561
    for row in table.itertuples():
        size = MACRO.size(MACRO.config(row.arch))
        assert (size.parameters, size.flops) == (row.params, row.flops)


def test_three_published_sizes():
    """The first rows of the table, for those who do not have it."""
    sizes = {"00000000": (387_882, 7_713_280), "00000001": (791_594, 14_115_328), "00000002": (1_219_370, 20_910_592)}
    for code, (parameters, flops) in sizes.items():
        size = MACRO.size(MACRO.config(code))
        assert (size.parameters, size.flops) == (parameters, flops)


def test_equal_networks_are_equally_big():
    by_form = {}
    for config in NANO_MACRO:
        by_form.setdefault(NANO_MACRO.canonical(config), set()).add(NANO_MACRO.size(config, (40, 1)))
    assert {len(sizes) for sizes in by_form.values()} == {1}


@pytest.mark.parametrize("space", [MacroSpace("one", (1, 2), ("mb3k3", "mb6k5")), MacroSpace("two", (3,), ("identity", "mb1k3"))],
                         ids=lambda s: s.name)
def test_counts_are_those_of_all_configurations(space):
    configs = list(space)
    assert len(configs) == space.n_architectures
    assert len({space.canonical(c) for c in configs}) == space.count_distinct()


def test_codes_and_names_mean_the_same():
    assert MACRO.config("01202112") == MACRO.config([MACRO.blocks[int(d)] for d in "01202112"])
    for wrong in ("0120211", "01202113"):
        with pytest.raises(SpaceError):
            MACRO.config(wrong)
    with pytest.raises(ConfigError):
        MACRO.config(["mb9k9"] * 8)


@pytest.mark.parametrize("wrong", [{"stages": ()}, {"stages": (2, 0)}, {"blocks": ("identity",)}, {"blocks": ("identity", "mb3k4")}])
def test_what_is_no_space_is_refused(wrong):
    with pytest.raises(SpaceError):
        MacroSpace("wrong", **wrong)
