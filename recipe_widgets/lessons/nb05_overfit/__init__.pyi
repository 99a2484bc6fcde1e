from .learning_curves import AccuracyCurve, CurvePoint, width_verdict
from .memorising import answers_beside_labels, random_labels

__all__ = ["AccuracyCurve", "CurvePoint", "answers_beside_labels", "random_labels", "width_verdict"]
