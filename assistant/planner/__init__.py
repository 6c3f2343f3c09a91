"""The offline planner: what a clinician says, to tool calls. Pure Python, no torch, no langchain."""

from assistant.plan import Call, Plan

from .dialogue import Dialogue
from .planner import plan

__all__ = ["Call", "Dialogue", "Plan", "plan"]
