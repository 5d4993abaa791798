"""Problems to try things on: functions with known optima, and small real data sets.

>>> from workbench.problems import branin
>>> problem = branin()
>>> run = wb.optimize(problem.objective, problem.space)
"""

from workbench.problems.data_sets import DATA_SETS, DataSet, data_set
from workbench.problems.functions import (
    ackley,
    branin,
    forrester,
    hartmann3,
    hartmann6,
    levy,
    rosenbrock,
    styblinski_tang,
)
from workbench.problems.problem import Problem
from workbench.problems.structured import conditional, mixed

ALL = {f.__name__: f for f in (forrester, branin, hartmann3, hartmann6, ackley, rosenbrock, levy, styblinski_tang,
                               mixed, conditional)}

__all__ = ["ALL", "DATA_SETS", "DataSet", "Problem", "ackley", "branin", "conditional", "data_set", "forrester",
           "hartmann3", "hartmann6", "levy", "mixed", "rosenbrock", "styblinski_tang"]
