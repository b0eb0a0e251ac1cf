"""The live page: a small server on this machine that shows in a browser what the graph tells. No ROS here."""
