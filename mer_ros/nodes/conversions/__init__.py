"""Between ROS messages and the pipeline's vocabulary, one file a sense."""
