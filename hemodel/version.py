"""The version of the package: the one place in the code that says it, beside pyproject.toml."""

__version__ = "0.1.0"
