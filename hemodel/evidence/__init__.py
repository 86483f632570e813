"""What we believe and why: parameters with source and status, their distributions, reading them, and designs of draws."""
