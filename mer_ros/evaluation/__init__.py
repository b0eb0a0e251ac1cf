"""Scores of exported models on labelled data."""
