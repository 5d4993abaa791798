"""Learning from earlier tasks: meta-features, portfolios, warm starts, transfer, few-shot learning.

The names below are imported when first used; torch only by what trains networks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import lazily

if TYPE_CHECKING:
    from workbench.meta.attentive_learner import AttentiveLearner
    from workbench.meta.collaborative import Completed, Factorisation, hidden_error, singular_values
    from workbench.meta.features import definitions, meta_features
    from workbench.meta.few_shot_maml import FewShotMAML
    from workbench.meta.few_shot_step import AdaptationStep, EmbeddingStep
    from workbench.meta.few_shot_tasks import FewShot, few_shot_digits, few_shot_signals
    from workbench.meta.lstm_learner import LSTMLearner
    from workbench.meta.maml import MAML, Pretrained, adapt, losses_after, meta_loss
    from workbench.meta.memory_network import MemoryNetwork
    from workbench.meta.plug_in import Estimators, PlugIn, PlugInPortfolio, plug_in_portfolio
    from workbench.meta.portfolio import average_rank, greedy_portfolio
    from workbench.meta.prototypes import Matching, NearestExamples, Prototypes, accuracy_by_shots, accuracy_of
    from workbench.meta.similar_tasks import Neighbours, neighbours
    from workbench.meta.sinusoid_weights import sinusoid_starts
    from workbench.meta.sinusoids import Sinusoids
    from workbench.meta.small_network import SmallNetwork
    from workbench.meta.space_design import SpaceDesign, check_design, design_space
    from workbench.meta.task_embedding import Siamese, TaskEmbedding, performance_distances
    from workbench.meta.task_table import small_tasks
    from workbench.meta.tasks import Tasks, regret_after
    from workbench.meta.transfer import RelatedTeachers, RewiredDigits, Transfer
    from workbench.meta.transfer_step import TransferStep

_HOME = {
    "LSTMLearner": "lstm_learner", "MemoryNetwork": "memory_network", "AttentiveLearner": "attentive_learner",
    "Completed": "collaborative", "Factorisation": "collaborative", "hidden_error": "collaborative",
    "singular_values": "collaborative",
    "definitions": "features", "meta_features": "features",
    "MAML": "maml", "Pretrained": "maml", "adapt": "maml", "losses_after": "maml", "meta_loss": "maml",
    "FewShot": "few_shot_tasks", "few_shot_digits": "few_shot_tasks", "few_shot_signals": "few_shot_tasks",
    "AdaptationStep": "few_shot_step", "EmbeddingStep": "few_shot_step", "FewShotMAML": "few_shot_maml",
    "Matching": "prototypes", "NearestExamples": "prototypes", "Prototypes": "prototypes", "accuracy_by_shots": "prototypes",
    "accuracy_of": "prototypes",
    "Sinusoids": "sinusoids", "sinusoid_starts": "sinusoid_weights", "SmallNetwork": "small_network",
    "Neighbours": "similar_tasks", "neighbours": "similar_tasks",
    "Estimators": "plug_in", "PlugIn": "plug_in", "PlugInPortfolio": "plug_in", "plug_in_portfolio": "plug_in",
    "average_rank": "portfolio", "greedy_portfolio": "portfolio",
    "Siamese": "task_embedding", "TaskEmbedding": "task_embedding", "performance_distances": "task_embedding",
    "SpaceDesign": "space_design", "check_design": "space_design", "design_space": "space_design",
    "small_tasks": "task_table",
    "Tasks": "tasks", "regret_after": "tasks",
    "RelatedTeachers": "transfer", "RewiredDigits": "transfer", "Transfer": "transfer", "TransferStep": "transfer_step",
}

__all__ = [
    "AttentiveLearner", "LSTMLearner", "MemoryNetwork",
    "FewShot", "few_shot_digits", "few_shot_signals",
    "AdaptationStep", "EmbeddingStep", "FewShotMAML", "Matching", "NearestExamples", "Prototypes", "accuracy_by_shots",
    "accuracy_of",
    "definitions", "meta_features",
    "MAML", "Pretrained", "Sinusoids", "SmallNetwork", "adapt", "losses_after", "meta_loss", "sinusoid_starts",
    "Neighbours", "neighbours",
    "Completed", "Factorisation", "hidden_error", "singular_values",
    "Siamese", "TaskEmbedding", "performance_distances",
    "average_rank", "greedy_portfolio",
    "Estimators", "PlugIn", "PlugInPortfolio", "plug_in_portfolio",
    "SpaceDesign", "check_design", "design_space",
    "Tasks", "regret_after", "small_tasks",
    "RelatedTeachers", "RewiredDigits", "Transfer", "TransferStep",
]

__getattr__, __dir__ = lazily(__name__, _HOME)
