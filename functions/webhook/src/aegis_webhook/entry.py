"""What functions-framework loads: the function `admission`."""

import os
import time
from functools import cache

import flask

from aegis_idp import discovery
from aegis_webhook.cluster import ClusterError, Remembered
from aegis_webhook.function import Webhook
from aegis_webhook.inject import Injector
from aegis_webhook.kinds import Judge
from aegis_webhook.kube import KubeCluster, connect
from aegis_webhook.options import read_options


def admission(request: flask.Request) -> flask.Response:
    """The HTTP function (signature type `http`)."""
    try:
        webhook = _webhook()
    except (ClusterError, ValueError) as error:
        return flask.Response(f"{error}\n", 503, mimetype="text/plain")
    return webhook.answer(request)


@cache
def _webhook() -> Webhook:
    """Made at the first request and not at import, so that each worker process has connections of its own."""
    cluster = Remembered(KubeCluster(connect(os.environ)), time.monotonic)
    return Webhook(Injector(cluster, discovery.load, read_options(os.environ)), Judge(cluster, discovery.load))
