"""Curves as cumulative hazards, and the general population's mortality."""
