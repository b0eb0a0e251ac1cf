"""Bag files as a stream of raw messages, as far as they can be read: MCAP and SQLite, whole or cut off."""
