"""Deployable artefacts made from a finished run."""
