"""For `functions-framework --target=admission --source=functions/webhook/main.py`."""

from aegis_webhook.entry import admission

__all__ = ["admission"]
