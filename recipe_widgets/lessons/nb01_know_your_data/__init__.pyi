from .data_faults import copies, faulty, imbalanced, photos, show_batch, suspects, trust
from .input_detail_and_range import as_fed, spoiled_pictures
from .sample_browser import sample_table

__all__ = [
    "as_fed", "copies", "faulty", "imbalanced", "photos", "sample_table", "show_batch",
    "spoiled_pictures", "suspects", "trust"
]
