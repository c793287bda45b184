"""Local processes that never outlive the one that started them.

- `launch`: becomes the wanted program, after it made its own session and told the guard of it
- `guard`: kills what is left when its owner is gone, however that came about
- `groups`: what the rest of the package uses: start, signal, wait, stop
"""
