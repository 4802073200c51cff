from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "audit"

    def ready(self) -> None:
        from audit import log, reads
        from audit.chain import triggers
        from config import server_start
        from config.access import audit_hook

        audit_hook.register_recorder(log.record_unattached)
        server_start.on_server_start(reads.start_writer)
        post_migrate.connect(triggers.prepare, sender=self)
