"""What the events of a run add up to: plain records, on which the rules judge."""
