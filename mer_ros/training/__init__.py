"""Corpora, networks, training and export. Needs torch; nothing at run time imports it."""
