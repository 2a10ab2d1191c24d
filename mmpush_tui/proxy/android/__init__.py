"""Google's side: payload, access token, sender, errors."""
