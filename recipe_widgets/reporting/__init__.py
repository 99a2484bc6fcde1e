"""What becomes of a report's findings: silenced where a reader has seen them, written where people
and programs look for them.
"""
