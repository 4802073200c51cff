from notifications.admin import messages

__all__ = ["messages"]
