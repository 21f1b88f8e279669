"""The workflows that each kind of worker serves."""

from __future__ import annotations

from typing import Final

from workflows.purchase_approval import PurchaseApproval

APPROVALS: Final = (PurchaseApproval,)
