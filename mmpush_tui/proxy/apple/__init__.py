"""Apple's side: payload, provider token, sender, reasons."""
