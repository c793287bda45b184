"""Pods as local processes, without root.

A container is its `command` and `args`; its image is not looked at. All pods share the loopback address, so every port
of a pod gets a port of its own on this machine, and nothing can be mounted, so volumes are folders of their own; what
a container reads about its ports and paths (environment, arguments) is rewritten to match.

Pure: `rewriting`, `pods` (what a spec says), `environment`, `volumes`, `status`. With I/O: `ports`, `folders`,
`tokens`, `probing`, `container` (one container's life), `pod` (one pod's life), `node` (all pods of the API).
"""
