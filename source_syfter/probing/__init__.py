"""What the rooms of `conventions/` ask an instance with, and how the answers are read and told."""
