"""Stand-ins for APNs, FCM, the phones and Mattermost, on loopback."""
