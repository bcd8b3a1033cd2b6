"""The renderer's large steps as Triton kernels for CUDA. Imported only where they are used."""
