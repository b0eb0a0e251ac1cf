"""Joins the modalities of an utterance, and remembers the dialogue."""
