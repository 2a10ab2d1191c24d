"""A report for a person, a ticket and two monitoring systems."""
