"""Submits one request as the web does, from a process of its own: `python -m tests.clock.submit PERSON_ID HOST ASIN`."""

from __future__ import annotations

import os
import sys
from uuid import UUID, uuid4

from gateways.amazon import AmazonBusiness
from gateways.amazon_account import account_of
from rules.product import link_to
from rules.request import Draft
from settings import Settings
from storage import product as products
from storage import request as requests
from storage.database import make_engine, make_sessions
from storage.person import PersonRow

if __name__ == "__main__":
    person_id, host, asin = sys.argv[1:]
    settings = Settings.from_environment(os.environ)
    product = AmazonBusiness(account_of(settings)).look_up(link_to(host, asin))
    with make_sessions(make_engine(settings.database_url)).begin() as session:
        products.remember(session, product)
        requester = session.get_one(PersonRow, UUID(person_id))
        draft = Draft(product, 1, product.unit_price, "for the office", requester.department_id, None)
        print(requests.submit(session, draft, requester, str(uuid4()), "typed").id)
