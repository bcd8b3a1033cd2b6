"""Procedural shots with and without the faults that the diagnostics look for."""
