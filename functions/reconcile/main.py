"""For `functions-framework --target=reconcile --source=functions/reconcile/main.py`."""

from aegis_reconcile.entry import reconcile

__all__ = ["reconcile"]
