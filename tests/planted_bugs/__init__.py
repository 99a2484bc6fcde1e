"""Whole training scripts: buggy ones, their mended twins, and healthy ones."""
