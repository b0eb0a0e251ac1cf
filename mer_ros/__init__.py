"""Multimodal emotion recognition for ROS 2: face and scene, voice and words, with the memory of the dialogue."""

__version__ = "0.1.0"
