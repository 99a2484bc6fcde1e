"""Builds the static site: lessons, texts, replays and the API reference as plain pages that load
nothing from a network.
"""
