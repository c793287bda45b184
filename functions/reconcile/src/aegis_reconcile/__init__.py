"""The reconcile function: CloudEvents in, a converged cluster and identity provider out.

An event is only a hint. Its line of files, left to right:

    function -> events -> reconciler -> looks      -> observe -> plan.* -> act
    HTTP     -> Work   -> which      -> per object -> re-GET  -> pure   -> writes, status last

- `function`: the HTTP function: a CloudEvent becomes 204, 400 or 503
- `events`: which object (or all) an event is about
- `reconciler`: what an event gives to look at; `tick` is a look at everything, and `schedule` says how close a one
- `looks`: walks one object from observation to status
- `lanes`, `turns`: much at once, and one at a time per object; `outcome` is what is left of it to do
- `observe`: reads what a plan needs; `cluster` is the API server as seen from here, `kube` the real one,
  `survey` as one tick sees it
- `asking`: a plugin's answers and failures as values
- `host`: what providers are shown for credentials; `own_account` gets tokens of the function's own
- `plan`: observed -> actions; pure and total
- `act`: does the actions
- `entry`: what functions-framework loads; `python -m aegis_reconcile` serves it
"""
