"""Loads exported models, checks their contract, runs them."""
