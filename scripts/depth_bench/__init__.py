"""What `bench_depth.py` measures with: sequences with exact depth, a model of a depth network's errors, metrics."""
