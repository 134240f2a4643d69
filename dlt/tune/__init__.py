"""Sweeps: Optuna proposes, DVC's queue runs, training asks whether it may go on."""
