"""The renderer compiled for the CPU."""
