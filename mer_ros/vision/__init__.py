"""Faces: detection, tracking, crops, windows, and what a face and its surroundings say."""
