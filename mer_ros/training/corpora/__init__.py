"""Corpora that only training reads: MELD's video clips, and CAER-S."""
