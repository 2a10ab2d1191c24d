"""What Apple's and Google's payloads share."""
