"""Admission: annotated pods get their sidecar, and the mesh's own resources are judged before they are stored.

The way of a pod: `function` (HTTP) -> `review` (AdmissionReview) -> `inject` (decide: Inject, Skip or Refuse) ->
`patch` (JSON Patch) -> `review` (the answer). `inject` asks `settings` what the annotations want, `grants` what the
cluster grants, `safety` what must be refused, `probes` and `sidecar` what the pod becomes. `gate` judges the final
state of a pod, `kinds` the mesh's own resources.

All of it is pure but `kube` (the API server), `entry` (what functions-framework loads) and `server` (TLS).
"""
