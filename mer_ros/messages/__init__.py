"""Messages of cameras and microphones to frames and chunks, whoever decoded them; no ROS imports."""
