"""What functions-framework loads: the function `reconcile`."""

import os
import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import flask

from aegis_idp.blocking import BlockingHttp
from aegis_reconcile.asking import Asker
from aegis_reconcile.cluster import TryAgain
from aegis_reconcile.events import Work
from aegis_reconcile.function import answer
from aegis_reconcile.host import Host
from aegis_reconcile.kube import KubeCluster, connect
from aegis_reconcile.outcome import Later
from aegis_reconcile.own_account import OwnAccount
from aegis_reconcile.reconciler import Reconciler

_PROVIDER_SECONDS = 5.0
_SECRETS = "/var/run/secrets/aegis/provision"


def reconcile(request: flask.Request) -> flask.Response:
    """The HTTP function (signature type `http`)."""
    return answer(request, _work)


def _work(work: Work) -> Later | None:
    try:
        reconciler = _reconciler()
    except TryAgain as error:
        return Later(str(error))
    return reconciler.reconcile(work)


@cache
def _reconciler() -> Reconciler:
    """Made at the first event and not at import, so that each worker process has connections of its own."""
    cluster = KubeCluster(lambda: connect(os.environ))
    http = BlockingHttp(cluster.api_server(), seconds=_PROVIDER_SECONDS)
    secrets = Path(os.environ.get("AEGIS_PROVISION_SECRETS") or _SECRETS)
    host = Host(OwnAccount(cluster), time.monotonic, secrets)
    return Reconciler(cluster, Asker(http, host), _now)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
