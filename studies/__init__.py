"""The experiments behind the course's claims, one file each: what is compared, on which grids, and
what would refute it. `python -m studies` runs them; records/ holds what was measured.
"""
