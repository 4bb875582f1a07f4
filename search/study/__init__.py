"""Optuna: storages, samplers, claims on trials, and their results."""
