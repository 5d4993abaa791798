"""Four learning curves for lessons: networks on handwritten digits, wrong ones of 899 validation images after each of 40 epochs.

scikit-learn's ``MLPClassifier`` with Adam, batches of 50, seed 0, on the other half of the digits.
"""

from __future__ import annotations

import numpy as np

from workbench.space import Array

N_IMAGES = 899
T = 40
WRONG = {
    "32 units, rate 0.001":
        [679, 548, 446, 328, 250, 195, 161, 140, 123, 108, 112, 100, 98, 94, 92, 86, 82, 78, 73, 72, 73, 69, 66, 67,
         67, 66, 66, 65, 65, 60, 60, 58, 57, 58, 55, 51, 50, 51, 48, 48],
    "8 units, rate 0.03":
        [520, 410, 299, 237, 232, 230, 216, 204, 194, 195, 212, 196, 201, 196, 190, 189, 185, 189, 191, 171, 177, 188,
         190, 173, 196, 178, 175, 176, 177, 176, 191, 178, 178, 172, 171, 165, 181, 174, 174, 174],
    "32 units, rate 0.0003":
        [741, 739, 705, 653, 613, 571, 534, 490, 437, 389, 369, 335, 310, 286, 265, 247, 224, 208, 190, 171, 163, 150,
         142, 136, 130, 129, 126, 118, 118, 114, 114, 113, 114, 107, 111, 107, 104, 99, 99, 99],
    "64 units, rate 0.01":
        [146, 79, 65, 40, 38, 40, 37, 37, 28, 27, 28, 34, 29, 39, 25, 26, 26, 26, 27, 29, 23, 33, 27, 32, 33, 21, 27,
         26, 22, 26, 26, 22, 23, 28, 25, 25, 28, 24, 27, 29],
}
NAMES = tuple(WRONG)


def curve(name: str) -> Array:
    """Return the share of errors after epochs 1 to 40."""
    return np.array(WRONG[name]) / N_IMAGES
