"""Scores of whole recordings: what the pipeline made of a bag or a video against what people labelled."""
