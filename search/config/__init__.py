"""The study file: sections, rules, and the search space."""
