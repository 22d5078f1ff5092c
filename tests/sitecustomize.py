"""Python imports this when it starts: processes that the tests start have the seeds of the tests."""

import seeds  # noqa: F401
