"""The catalogue of symptoms: what it means, what to do."""
