"""What conventions of the field (ROS4HRI) call faces, voices and persons, from what the pipeline says of them."""
