"""The bug clinic: small programs with one wrong line each, their curves, and a diagnosis to
make.
"""

from recipe_widgets.lessons.clinic.bugs import CASES, Case
from recipe_widgets.lessons.clinic.clinic import Clinic, Patient, findings
from recipe_widgets.lessons.clinic.program import Program

__all__ = ["CASES", "Case", "Clinic", "Patient", "Program", "findings"]
