"""Reasoners that think in latents: what they must offer, one loop that runs them, and who chooses among trajectories."""
