"""Patches of torch's calls, of loaders and of printing: each call becomes a plain event."""
