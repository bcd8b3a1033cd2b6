"""The parts of scripts/train_depth.py."""
