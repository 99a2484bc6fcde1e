"""The experiments behind the notebooks' cells: one folder a notebook, and what they share in `common`.
"""
