"""Frame -> disparity: one contract, one file per estimator."""
