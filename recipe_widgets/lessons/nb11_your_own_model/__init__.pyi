from .example_script import SCRIPT
from .own_data_and_model import (
    Beside,
    apart,
    as_script,
    change,
    check_mended,
    claim,
    compare,
    draw_pictures,
    findings,
    in_cell,
    listing,
    save_arrays,
    shell,
    show_batch,
    told_apart,
    write_table,
)

__all__ = [
    "SCRIPT",
    "Beside",
    "apart",
    "as_script",
    "change",
    "check_mended",
    "claim",
    "compare",
    "draw_pictures",
    "findings",
    "in_cell",
    "listing",
    "save_arrays",
    "shell",
    "show_batch",
    "told_apart",
    "write_table"
]
