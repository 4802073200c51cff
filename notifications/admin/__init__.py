from notifications.admin import messages, reminders, templates

__all__ = ["messages", "reminders", "templates"]
