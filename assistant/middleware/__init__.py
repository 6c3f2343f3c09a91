"""What stands between a language model and the user: scope, budget, repaired arguments, no repeats,
grounding.

All are LangChain agent middleware and are used on the path with a language model; the offline planner needs
none.
"""
