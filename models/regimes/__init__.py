"""Calm and stressed states: Markov switching and the jump model."""

from models.regimes.jump import JumpFit, fit_jump_model, online_costs
from models.regimes.markov import MarkovFit, filtered_probabilities, fit_markov_switching

__all__ = [
    "JumpFit",
    "MarkovFit",
    "filtered_probabilities",
    "fit_jump_model",
    "fit_markov_switching",
    "online_costs",
]
