from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "config.access"
    label = "access"
    verbose_name = "Callers and rights"

    def ready(self) -> None:
        from config.access import logins

        logins.listen()
