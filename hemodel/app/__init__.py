"""The app for committee members: choose, change the headline inputs, read the answer. No arithmetic on money or health."""
