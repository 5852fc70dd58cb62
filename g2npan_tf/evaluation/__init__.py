"""Statistics, figures, reports and cards of a model."""
