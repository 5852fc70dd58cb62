"""Many runs: cross-validation, comparisons, the paper's tables, a diagnosis."""
