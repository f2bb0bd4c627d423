"""The worker composes: the only package that knows Dramatiq, SQLAlchemy, serving and the clock."""
