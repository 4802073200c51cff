from django.apps import AppConfig


class SigningConfig(AppConfig):
    name = "signing"
    verbose_name = "Signing"

    def ready(self) -> None:
        from notifications import hooks
        from signing import email_hooks

        hooks.register(email_hooks)
