"""Depth, coc and lens data for other programs."""
