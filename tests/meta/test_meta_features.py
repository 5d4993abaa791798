"""Meta-features against recorded values of pymfe 0.4.4, and on tables as they come."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

import workbench as wb
from workbench.meta import definitions, meta_features
from workbench.meta.features import FEATURES, GROUPS

ORACLE = json.loads((Path(__file__).parent / "oracle_meta_features.json").read_text())
# pymfe adds a small number to every share of a joint table, which its entropies and what is made of them show
SMOOTHED = {"joint_ent.mean", "mut_inf.mean", "mut_inf.sd", "eq_num_attr", "ns_ratio", "class_conc.mean"}
OTHER = {"random_node"}  # another generator draws the column


@pytest.mark.parametrize("name", list(ORACLE))
def test_values_agree_with_pymfe_where_definitions_do(name):
    ours, n = meta_features(*getattr(datasets, f"load_{name}")(return_X_y=True)), 0
    for key, theirs in ORACLE[name].items():
        if theirs is None or key in OTHER or (key, name) in {("sd_ratio", "wine"), ("class_conc.mean", "digits"), ("nr_cor_attr", "digits")}:
            continue
        assert ours[key] == pytest.approx(theirs, rel=3e-5 if key in SMOOTHED else 1e-9, abs=1e-6), key
        n += 1
    assert n >= 25


def test_box_m_pairs_each_class_with_its_own_weight():
    """pymfe turns the list of covariances around but not their weights; with equal classes nobody sees it."""
    X, y = datasets.load_wine(return_X_y=True)
    again = meta_features(X, (y + 1) % 3)  # names of classes must not matter
    assert meta_features(X, y)["sd_ratio"] == pytest.approx(again["sd_ratio"], rel=1e-9)
    assert ORACLE["wine"]["sd_ratio"] != pytest.approx(again["sd_ratio"], rel=1e-3)


def test_constant_columns_do_not_spoil_the_means():
    X, y = datasets.load_iris(return_X_y=True)
    more = meta_features(np.column_stack([X, np.full(len(X), 3.0)]), y)
    plain = meta_features(X, y)
    for name in ("cor.mean", "kurtosis.mean", "skewness.mean", "can_cor.mean", "w_lambda", "gravity"):
        assert more[name] == pytest.approx(plain[name])
    assert more["nr_attr"] == 5


def table(n=200, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.normal(size=n), "b": rng.integers(0, 9, n), "c": rng.choice(["x", "y", "z"], n), "d": rng.random(n) < 0.5,
                          "e": pd.Categorical(rng.choice(["u", "v"], n))})
    y = np.where(frame["a"] + (frame["c"] == "x") > 0.3, "yes", "no")
    frame.loc[rng.choice(n, 20, replace=False), "a"] = np.nan
    frame.loc[:4, "c"] = None
    return frame, y


def test_numbers_categories_and_missing_values():
    frame, y = table()
    found = meta_features(frame, y)
    assert (found["nr_num"], found["nr_cat"], found["nr_bin"]) == (2, 3, 2)  # missing is a value of c
    assert found["missing"] == pytest.approx(25 / 1000)
    assert found.notna().all()
    assert found["best_node"] > found["worst_node"]
    assert meta_features(frame, y, categorical=["b"])["nr_num"] == 1


@pytest.mark.parametrize("case", ["one class", "no target", "only categories", "one row", "all missing", "infinite", "class of one row", "one column"])
def test_odd_tables_give_nan_where_there_is_nothing_and_never_fail(case):
    frame, y = table(60)
    X = {"only categories": frame[["c", "d"]], "one row": frame[:1], "all missing": frame.assign(a=np.nan), "one column": frame[["a"]],
         "infinite": frame.assign(a=np.where(frame["b"] > 4, np.inf, 1.0))}.get(case, frame)
    y = {"one class": np.zeros(60), "no target": None, "one row": y[:1], "class of one row": np.r_[["rare"], y[1:]]}.get(case, y)
    found = meta_features(X, y)
    assert list(found.index) == list(FEATURES)
    assert not np.isinf(found).any()
    assert math.isnan(found["one_nn"]) == (case in {"one class", "no target", "one row"})


def test_a_target_of_numbers_is_cut_into_classes():
    X, y = datasets.load_diabetes(return_X_y=True)
    found = meta_features(X, y + 0.5)
    assert found["nr_class"] == 5
    assert found["class_ent"] == pytest.approx(math.log2(5), abs=0.01)


def test_of_many_rows_some_are_looked_at_of_each_class_its_share():
    rng = np.random.default_rng(0)
    y = np.r_[np.zeros(99_990, int), np.ones(10, int)]
    X = rng.normal(size=(100_000, 10)) + y[:, None]
    found = meta_features(X, y, max_rows=2000)
    assert found["nr_inst"] == 100_000
    assert found["nr_class"] == 2  # the rare one is still there
    assert found["attr_to_inst"] == 1e-4
    pd.testing.assert_series_equal(found, meta_features(X, y, max_rows=2000))


def test_groups_and_definitions():
    X, y = datasets.load_iris(return_X_y=True)
    listed = definitions()
    assert list(listed["name"]) == list(FEATURES) and set(listed["group"]) == set(GROUPS) and len(listed) >= 35
    assert listed["definition"].str.len().min() > 10 and listed["source"].str.len().min() > 5
    for group in GROUPS:
        assert list(meta_features(X, y, groups=[group]).index) == list(listed.loc[listed["group"] == group, "name"])
    assert wb.meta.meta_features is meta_features


@pytest.mark.parametrize(("arguments", "text"), [((np.empty((0, 3)),), "at least one row"), ((np.ones((4, 2)), [1, 2]), "each of the 4 rows")])
def test_tables_that_cannot_be_described(arguments, text):
    with pytest.raises(ValueError, match=text):
        meta_features(*arguments)


def test_unknown_groups_and_columns_are_named():
    X, y = datasets.load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="'clustering'"):
        meta_features(X, y, groups=["clustering"])
    with pytest.raises(ValueError, match="'colour'"):
        meta_features(X, y, categorical=["colour"])
