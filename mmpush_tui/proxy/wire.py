"""What Mattermost posts to a push proxy and what it reads back.

Shapes and defaults follow the server's ``PushNotification`` and ``PushNotificationAck`` models
and the reference proxy's handlers; the error texts that begin an answer are the reference
proxy's own, because admins search for them and the catalogue knows them.
"""
