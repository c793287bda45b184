"""Knative Eventing's sources, as far as the manifests use them: ApiServerSource in Reference mode, and PingSource.

They behave as the real ones do, losses included: no replay at the start, nothing after a gap, no retry after a 500.

- `cron`: when a PingSource fires
- `events`: the CloudEvents themselves
- `delivery`: to the sink, with the retries of Knative's client
- `adapter`: a watch that becomes events
- `apiserver`, `ping`: the two kinds
"""
