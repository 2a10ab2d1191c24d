"""What all screens are made of, and the screens that belong to none of them: questions, help."""
