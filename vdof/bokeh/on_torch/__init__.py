"""The renderer as torch operations, on any device; the Triton kernels are composed here too."""
