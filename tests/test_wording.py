"""Numbers in the sentences that explain a suggestion."""

import pytest

from workbench.search.wording import about


@pytest.mark.parametrize(("mean", "sd", "text"), [(0.02814, 0.00418, "0.0281 ± 0.0042"), (989, 1000, "989 ± 1000"), (5, 99.7, "5 ± 100"),
                                                  (1e7, 2e6, "1e+07 ± 2e+06"), (1, 0, "1 ± 0")])
def test_a_prediction_and_its_deviation_are_written_alike(mean, sd, text):
    assert about(mean, sd) == text
