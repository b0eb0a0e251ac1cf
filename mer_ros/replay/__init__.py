"""Recordings in: sound and video files, and the sample dialogue."""
