from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "config.access"
    label = "access"
    verbose_name = "Users and access"

    def ready(self) -> None:
        from config.access import logins

        logins.connect_signals()
