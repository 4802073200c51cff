from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"
    verbose_name = "Messages"

    def ready(self) -> None:
        from config.access import enrollment
        from notifications.enrollment import notify_of_second_factor

        enrollment.register_announcement(notify_of_second_factor)
