"""Live views of a run, one a file. Each folds events; none knows runs or algorithms."""

from workbench_widgets.views.brackets import BracketsView
from workbench_widgets.views.contour import ContourView
from workbench_widgets.views.coordinates import CoordinatesView
from workbench_widgets.views.curve_forecast import CurveForecastView, LooksView
from workbench_widgets.views.curves import CurvesView
from workbench_widgets.views.fidelity_ranks import FidelityRanksView
from workbench_widgets.views.gantt import GanttView
from workbench_widgets.views.history import HistoryView
from workbench_widgets.views.log import LogView
from workbench_widgets.views.model import ModelView
from workbench_widgets.views.trials import TrialsView

__all__ = ["BracketsView", "ContourView", "CoordinatesView", "CurveForecastView", "CurvesView", "FidelityRanksView", "GanttView",
           "HistoryView", "LogView", "LooksView", "ModelView", "TrialsView"]
