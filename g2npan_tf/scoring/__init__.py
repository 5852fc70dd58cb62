"""Images become scores: artefacts, the command, pages and pipelines."""
