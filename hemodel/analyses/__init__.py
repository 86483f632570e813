"""One recipe each: a design of draws, evaluated, weighed, and handed back as a frozen result."""
