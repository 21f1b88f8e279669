"""Products as the vendor last described them. A memory, not the truth: the vendor's answer decides at order time."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import CheckConstraint, Interval, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from rules.money import Money
from rules.product import BuyingGuidance, Product
from storage.database import MONEY, Base


class ProductRow(Base):
    """What a vendor said about a product, and when."""

    __tablename__ = "product"
    __table_args__ = (CheckConstraint("unit_price BETWEEN 0 AND 9999999.999", name="price_is_a_number"),)

    vendor: Mapped[str] = mapped_column(primary_key=True)
    asin: Mapped[str] = mapped_column(primary_key=True)
    offer_id: Mapped[str]
    title: Mapped[str]
    url: Mapped[str]
    seller: Mapped[str]
    category: Mapped[str]
    unit_price: Mapped[Decimal] = mapped_column(MONEY)
    currency: Mapped[str]
    available: Mapped[bool]
    buying_guidance: Mapped[str]
    max_quantity: Mapped[int | None]
    fetched_at: Mapped[datetime] = mapped_column(server_default=func.now())


def remember(session: Session, product: Product) -> None:
    """Keep what the vendor just said, in place of what it said before."""
    values = {
        "vendor": product.vendor,
        "asin": product.asin,
        "offer_id": product.offer_id,
        "title": product.title,
        "url": product.url,
        "seller": product.seller,
        "category": product.category,
        "unit_price": product.unit_price.amount,
        "currency": product.unit_price.currency,
        "available": product.available,
        "buying_guidance": product.buying_guidance.value,
        "max_quantity": product.max_quantity,
        "fetched_at": func.now(),
    }
    session.execute(
        insert(ProductRow)
        .values(values)
        .on_conflict_do_update(index_elements=["vendor", "asin"], set_=values)
    )


_RECALL = select(ProductRow).where(
    ProductRow.vendor == bindparam("vendor"),
    ProductRow.asin == bindparam("asin"),
    ProductRow.fetched_at >= func.now() - bindparam("not_older_than", type_=Interval),
)


def recall(session: Session, vendor: str, asin: str, not_older_than: timedelta) -> Product | None:
    """What the vendor said at most `not_older_than` ago, else None."""
    given = {"vendor": vendor, "asin": asin, "not_older_than": not_older_than}
    row = session.scalars(_RECALL, given).one_or_none()
    if row is None:
        return None
    return Product(
        asin=row.asin,
        offer_id=row.offer_id,
        title=row.title,
        url=row.url,
        vendor=row.vendor,
        seller=row.seller,
        category=row.category,
        unit_price=Money(row.unit_price, row.currency),
        available=row.available,
        buying_guidance=BuyingGuidance(row.buying_guidance),
        max_quantity=row.max_quantity,
    )
