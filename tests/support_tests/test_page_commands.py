"""Pages whose commands are run."""

from pathlib import Path

import pytest

from support.page_commands import PageFailed, Ran, run_page

PAGE = """# A page

```bash
NAME=orders
echo "$GREETING" > said
```

Not run:

```sh
exit 1
```

```bash
echo "$(cat said) $NAME"
echo aside >&2
```
"""


def _page(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text)
    return page


def test_blocks_run_in_order_in_one_shell(tmp_path: Path) -> None:
    """Variables and files of one block are there for the next; other fences are left alone."""
    ran = run_page(_page(tmp_path, PAGE), {"GREETING": "hello"}, tmp_path)
    assert ran == [
        Ran('NAME=orders\necho "$GREETING" > said\n', ""),
        Ran('echo "$(cat said) $NAME"\necho aside >&2\n', "hello orders\naside\n"),
    ]


@pytest.mark.parametrize(
    "command", ["false", "false | true", "x=$(false)", 'echo "$NOT_SET"', "no-such-command"], ids=repr
)
def test_a_failure_ends_the_page(tmp_path: Path, command: str) -> None:
    """The block, its number and what was printed are told; nothing after it is run."""
    page = _page(tmp_path, f"```bash\necho before\n```\n```bash\n{command}\ntouch after\n```\n")
    with pytest.raises(PageFailed, match=r"(?s)block 2 of 2 ended with .*touch after.*before"):
        run_page(page, {}, tmp_path)
    assert not (tmp_path / "after").exists()


def test_a_page_that_hangs_is_ended(tmp_path: Path) -> None:
    """What it printed until then is told."""
    with pytest.raises(PageFailed, match=r"(?s)not done within 1 s.*waiting"):
        run_page(_page(tmp_path, "```bash\necho waiting\nexec sleep 60\n```\n"), {}, tmp_path, seconds=1)


def test_a_page_without_commands_is_a_mistake(tmp_path: Path) -> None:
    """A test of a page whose fences were renamed must not pass by doing nothing."""
    with pytest.raises(PageFailed, match="has no block"):
        run_page(_page(tmp_path, "# A page\n"), {}, tmp_path)
