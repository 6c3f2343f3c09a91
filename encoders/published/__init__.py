"""The published checkpoints of the CLIP-Driven Universal Model and its relatives, as their users have them."""
