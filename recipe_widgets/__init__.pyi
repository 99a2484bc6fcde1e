from . import checks as checks
from .core import CheckResult as CheckResult
from .core import RecipeError as RecipeError
from .core import Run as Run
from .core import Settings as Settings
from .data import Data as Data
from .data import load as load
from .panels import LivePanel as LivePanel
from .training import evaluate as evaluate
from .training import steps as steps
from .training import train as train
from .watch import watch as watch

__version__: str
