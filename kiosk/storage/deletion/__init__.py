"""What is deleted on a device: by age, by lack of space, and what the centre asks it to forget."""
