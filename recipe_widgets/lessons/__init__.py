"""The experiments behind the notebooks' cells: a folder for each notebook, and what they share in
`common`.
"""

from recipe_widgets._moved import lesson_name as __getattr__  # noqa: F401
