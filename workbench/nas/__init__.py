"""Neural architecture search, small enough for one core: spaces, networks, and one strategy a file.

The names below are imported when first used; torch only by what trains networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import lazily

if TYPE_CHECKING:
    from workbench.nas.arc_kernel import ArcGP
    from workbench.nas.bilevel import BilevelSettings
    from workbench.nas.branches import BRANCHES, BranchSpace
    from workbench.nas.cell_paths import n_paths, path_encoding
    from workbench.nas.cell_words import readable
    from workbench.nas.cells import NANO, NASBENCH201, CellSpace
    from workbench.nas.chain import CHAIN, ChainSpace
    from workbench.nas.chain_plan import ChainLayer, ChainPlan
    from workbench.nas.controller import Controller
    from workbench.nas.darts import DARTS
    from workbench.nas.data import Data, digits, mnist1d, of_arrays
    from workbench.nas.derivation import strongest
    from workbench.nas.enas import ENAS
    from workbench.nas.encodings import cells_of, encode
    from workbench.nas.evolution import RegularizedEvolution
    from workbench.nas.gdas import GDAS, SNAS
    from workbench.nas.graph import Graph, GraphEdge, GraphNode
    from workbench.nas.hill_climbing import HillClimbing
    from workbench.nas.joint_space import JointSpace, joint
    from workbench.nas.lamarckian import Lamarckian
    from workbench.nas.macro import MACRO, NANO_MACRO, MacroSpace
    from workbench.nas.morphism import MorphNet
    from workbench.nas.nao import NAO
    from workbench.nas.nasbot import NASBOT
    from workbench.nas.net_changes import Morphism, random_morphism
    from workbench.nas.net_plan import Layer, NetPlan
    from workbench.nas.networks import CellNetwork, build
    from workbench.nas.one_shot import PathDropout, RandomWeightSharing
    from workbench.nas.otmann_distance import otmann
    from workbench.nas.pnas import PNAS
    from workbench.nas.predictor_search import PredictorSearch
    from workbench.nas.predictors import ForestPredictor, GPPredictor, MLPEnsemble
    from workbench.nas.presets import PUBLISHED, block_graph
    from workbench.nas.proxyless import ProxylessNAS, measured_latencies
    from workbench.nas.published import pareto_rows, published_results
    from workbench.nas.random_search import RandomCells
    from workbench.nas.ranking import Ranking, agreement, beside_truth
    from workbench.nas.reinforce import Reinforce
    from workbench.nas.relaxation import Relaxation
    from workbench.nas.rnn_predictor import RNNEnsemble
    from workbench.nas.simulation import Simulated, Simulator, simulate
    from workbench.nas.sizes import Size, cell_size
    from workbench.nas.smash import SMASH
    from workbench.nas.supernet import Supernet
    from workbench.nas.tables import Table, nano_table, nasbench201
    from workbench.nas.training import Epoch, train, trained
    from workbench.nas.two_input_cells import DARTS_CELLS, Genotype, TwoInputCell, TwoInputCells
    from workbench.nas.two_input_size import genotype_size
    from workbench.nas_search import search
    from workbench.notebook import lab

_HOME = {
    "ArcGP": "arc_kernel",
    "encode": "encodings", "cells_of": "encodings",
    "MLPEnsemble": "predictors", "ForestPredictor": "predictors", "GPPredictor": "predictors",
    "RNNEnsemble": "rnn_predictor", "PNAS": "pnas", "NAO": "nao",
    "PredictorSearch": "predictor_search",
    "NASBOT": "nasbot", "otmann": "otmann_distance",
    "BilevelSettings": "bilevel",
    "path_encoding": "cell_paths", "n_paths": "cell_paths",
    "Size": "sizes", "cell_size": "sizes",
    "CellSpace": "cells", "NANO": "cells", "NASBENCH201": "cells",
    "DARTS": "darts",
    "Data": "data", "digits": "data", "mnist1d": "data", "of_arrays": "data",
    "GDAS": "gdas", "SNAS": "gdas",
    "CellNetwork": "networks", "build": "networks",
    "Epoch": "training", "train": "training", "trained": "training",
    "strongest": "derivation",
    "RegularizedEvolution": "evolution", "Reinforce": "reinforce", "Controller": "controller",
    "ProxylessNAS": "proxyless", "measured_latencies": "proxyless",
    "Lamarckian": "lamarckian",
    "RandomCells": "random_search", "Simulated": "simulation", "Simulator": "simulation", "simulate": "simulation",
    "Graph": "graph", "GraphEdge": "graph", "GraphNode": "graph",
    "HillClimbing": "hill_climbing",
    "MorphNet": "morphism",
    "Morphism": "net_changes", "random_morphism": "net_changes",
    "Layer": "net_plan", "NetPlan": "net_plan",
    "Relaxation": "relaxation",
    "Supernet": "supernet",
    "Table": "tables", "nano_table": "tables", "nasbench201": "tables",
    "ENAS": "enas", "SMASH": "smash", "PathDropout": "one_shot", "RandomWeightSharing": "one_shot",
    "Ranking": "ranking", "agreement": "ranking", "beside_truth": "ranking",
    "CHAIN": "chain", "ChainSpace": "chain",
    "ChainLayer": "chain_plan", "ChainPlan": "chain_plan",
    "MACRO": "macro", "NANO_MACRO": "macro", "MacroSpace": "macro",
    "BRANCHES": "branches", "BranchSpace": "branches",
    "JointSpace": "joint_space", "joint": "joint_space",
    "DARTS_CELLS": "two_input_cells", "Genotype": "two_input_cells", "TwoInputCell": "two_input_cells",
    "TwoInputCells": "two_input_cells",
    "genotype_size": "two_input_size",
    "PUBLISHED": "presets", "block_graph": "presets",
    "published_results": "published", "pareto_rows": "published",
    "readable": "cell_words",
    "lab": ".notebook", "search": ".nas_search",  # they run searches, and so stand above this package
}

__all__ = [
    "ArcGP", "NAO", "NASBOT", "PNAS", "PredictorSearch",
    "ForestPredictor", "GPPredictor", "MLPEnsemble", "RNNEnsemble", "cells_of", "encode", "otmann",
    "NANO", "NASBENCH201", "CellSpace",
    "Data", "digits", "mnist1d", "of_arrays",
    "CellNetwork", "build", "Epoch", "train", "trained",
    "Graph", "GraphEdge", "GraphNode",
    "n_paths", "path_encoding",
    "Controller", "Lamarckian", "RandomCells", "RegularizedEvolution", "Reinforce", "Simulated", "Simulator", "simulate",
    "HillClimbing", "Layer", "MorphNet", "Morphism", "NetPlan", "random_morphism",
    "Relaxation",
    "Size", "cell_size",
    "Supernet",
    "Table", "nano_table", "nasbench201",
    "ENAS", "PathDropout", "RandomWeightSharing", "Ranking", "SMASH", "agreement", "beside_truth",
    "DARTS",
    "BilevelSettings",
    "strongest",
    "GDAS", "SNAS",
    "ProxylessNAS", "measured_latencies",
    "CHAIN", "ChainSpace",
    "ChainLayer", "ChainPlan",
    "MACRO", "NANO_MACRO", "MacroSpace",
    "BRANCHES", "BranchSpace",
    "JointSpace", "joint",
    "DARTS_CELLS", "Genotype", "TwoInputCell", "TwoInputCells",
    "genotype_size",
    "PUBLISHED", "block_graph",
    "pareto_rows", "published_results",
    "readable",
    "lab", "search",
]

__getattr__, __dir__ = lazily(__name__, _HOME)
