"""What two or more notebooks use: results over seeds, sweeps, changed data, pages of images."""
