"""What happens to patients: states and cycles, treatment and access schemes, payoffs."""
