"""The demo: three services in a chain, and what becomes of requests between them.

- `mesh.yaml`, `workloads.yaml`: what a user of the mesh writes
- `app`: the program of each service
- `requests`: plain HTTP, byte for byte as given
- `tokens`: credentials of callers, and the search for them in logs
- `table`: the rows as they are printed
- `stage`: the mesh under the demo: apply, look up, send
- `checks`: what is sent, what is expected, what came; `scenario`: all of them, in order
- `show`: starts it all, runs the checks, ends it all
"""
