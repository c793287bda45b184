"""A small Kubernetes client on Twisted.

- `access`: where the API is, whom to trust, who asks; kubeconfig in and out
- `errors`: what can go wrong with it
- `resources`: where objects of a kind live
- `connection`: one request, one answer, or a stream of lines
- `api`: get, list, create, apply, patch, delete, tokens
- `watching`: list and watch without end, and a cache of what it saw
- `conditions`: status conditions, with the time of their last change
- `controller`: work on what changed, one object at a time, again after a failure
"""
