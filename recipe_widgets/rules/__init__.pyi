from .rulebook import Rule as Rule
from .rulebook import all_rules as all_rules
from .rulebook import explain as explain
from .rulebook import known_rules as known_rules
from .rulebook import rule as rule
from .rulebook import rule_named as rule_named
