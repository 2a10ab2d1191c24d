"""What is checked and what a check may find: pure records, below all the rest."""
