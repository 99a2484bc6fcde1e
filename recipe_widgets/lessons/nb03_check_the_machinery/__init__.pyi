from .clinic import Clinic, Patient, findings
from .clinic_cases import CASES, Case
from .clinic_programs import Program
from .input_dependence import dependence_charts
from .input_speed import PilDataset, milestones, ways_to_read
from .numeric_gradients import Swish, draw_error, few_samples, pitfalls, small_net

__all__ = [
    "CASES", "Case", "Clinic", "Patient", "PilDataset", "Program", "Swish", "dependence_charts",
    "draw_error", "few_samples", "findings", "milestones", "pitfalls", "small_net",
    "ways_to_read"
]
