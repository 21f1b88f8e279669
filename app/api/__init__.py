"""The JSON API under /api/v1: what programs ask and tell. Asks and shows; decides nothing."""

from app.api.setup import set_up_api

__all__ = ["set_up_api"]
