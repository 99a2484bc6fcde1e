from .ensemble import Ensemble as Ensemble
from .ensemble import Gain as Gain
from .ensemble import gain as gain
from .ensemble import gain_of as gain_of
from .ensemble import probabilities as probabilities
from .members import bagging as bagging
from .members import distill as distill
from .members import models_of as models_of
