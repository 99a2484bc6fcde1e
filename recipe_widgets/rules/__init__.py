"""Layer 4: judgements. Evidence in, a `CheckResult` out; pure functions that checks, watchers
and panels share.
"""
