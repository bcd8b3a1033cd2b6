"""What scripts/bench_breathing.py is made of: little films with known blur, and what is injected into them."""
