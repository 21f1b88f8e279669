"""The sandbox vendor's pages for people: orders taken, faults to switch, products with their links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from local.vendor.catalogue import Article
from local.vendor.faults import SCENARIOS

_NEWEST: Final = 25
_GROUPS: Final = {
    "outcome": "What becomes of the next order",
    "delivery": "How the next answer to an order travels",
    "repeat": "What a repeated order gets",
}
_ORDER_HEADS: Final = ("Request", "Time (UTC)", "Product", "Quantity", "Unit price", "Total", "Order number")
_REJECTION_HEADS: Final = ("Request", "Time (UTC)", "Product", "Quantity", "Fault")
_PRODUCT_HEADS: Final = ("Product", "Category", "Seller", "State", "Price in EUR")
_STYLE: Final = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--accent:light-dark(#0b6e99,#6bc3ea)}
*{box-sizing:border-box}body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1rem}
header{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;align-items:baseline;border-bottom:1px solid var(--line);
padding-bottom:.5rem}
h1{font-size:1.35rem;margin:0}h2{font-size:1.1rem;margin:1.75rem 0 .5rem}a{color:var(--accent)}
summary{cursor:pointer;font-weight:600;padding:.5rem 0}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;white-space:nowrap}.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
code{font-size:.88em;overflow-wrap:anywhere;user-select:all}.whole{white-space:nowrap}td .row{flex-wrap:nowrap;margin:0}
.muted{opacity:.7}
button,input,select{font:inherit;padding:.4rem .7rem;border:1px solid var(--line);border-radius:.4rem;
background:var(--soft);color:inherit;min-height:2.5rem}
button{cursor:pointer}button:hover,button:focus-visible{border-color:var(--accent)}
form{margin:0}.row{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin:.5rem 0}
.faults{display:grid;grid-template-columns:repeat(auto-fill,minmax(16rem,1fr));gap:.5rem}
.faults button{text-align:left;height:100%;width:100%}.faults small{display:block;opacity:.7}
.on{border-left:4px solid #c60;padding:.4rem .75rem;background:var(--soft);border-radius:.25rem;margin:.4rem 0}
@media(max-width:44rem){thead{display:none}tr{display:block;border-bottom:1px solid var(--line);padding:.5rem 0}
td,td.number{display:flex;gap:1rem;justify-content:space-between;border:0;padding:.1rem 0;text-align:right}
td::before{content:attr(data-head);opacity:.7;text-align:left;flex:none}td.lead{display:block;text-align:left}
td.lead::before{content:none}}
input[type=number]{width:7.5rem}label{display:inline-flex;gap:.4rem;align-items:center}
"""


def orders_page(
    records: Mapping[str, Sequence[Mapping[str, Any]]], faults: Sequence[Mapping[str, Any]]
) -> str:
    """Orders of the ledger, newest first, and the switches for faults."""
    orders = records["orders"]
    listed = [_order_row(order) for order in reversed(orders[-_NEWEST:])]
    nothing = '<p class="muted">None yet. Approve a request, and its order appears here.</p>'
    body = f"""
<h2>Orders taken: {len(orders)}</h2>
{_table(_ORDER_HEADS, listed) or nothing}
<h2>Not taken: {len(records["rejections"])} rejected, {len(records["trials"])} trials</h2>
{_table(_REJECTION_HEADS, [_rejection_row(entry) for entry in reversed(records["rejections"][-_NEWEST:])])}
<h2 id="faults">Faults</h2>
{_switched_on(faults)}
<form method="post" action="/page/faults">
<div class="row"><label>Show the next one <select name="times"><option value="once">once</option>
<option value="always">until switched off</option></select></label>
<label>only for <input name="asin" placeholder="ASIN (all)" maxlength="10" size="12"></label></div>
{"".join(_fault_buttons(group, title) for group, title in _GROUPS.items())}
</form>
"""
    return _page("Orders and faults", body)


def products_page(articles: Sequence[Article], words: str) -> str:
    """Everything on sale with the link to paste; `words` narrows it."""
    wanted = words.casefold().split()
    shown = [
        article
        for article in articles
        if all(
            word in f"{article.title} {article.category} {article.seller} {article.asin}".casefold()
            for word in wanted
        )
    ]
    rows = [_product_row(article) for article in shown]
    body = f"""
<form class="row" action="/products"><input name="q" value="{escape(words)}" placeholder="monitor, book, …"
aria-label="Search"><button>Search</button><span class="muted">{len(shown)} of {len(articles)}</span></form>
{_table(_PRODUCT_HEADS, rows)}
"""
    return _page("Products", body)


def _page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Vendor sandbox</title><style>{_STYLE}</style></head><body>
<header><h1>Vendor sandbox</h1><nav><a href="/">Orders</a> · <a href="/#faults">Faults</a> ·
<a href="/products">Products</a></nav></header>
<main>{body}</main></body></html>
"""


def _switched_on(faults: Sequence[Mapping[str, Any]]) -> str:
    if not faults:
        return '<p class="muted">None is switched on: every order is taken and answered at once.</p>'
    rows = "".join(
        f"""<form method="post" action="/page/clear" class="on row"><input type="hidden" name="number"
value="{fault["number"]}"><span>{escape(SCENARIOS[fault["scenario"]].title)} · {escape(_how_often(fault))}</span>
<button>Switch off</button></form>"""
        for fault in faults
    )
    return f'{rows}<form method="post" action="/page/clear"><button>Switch all off</button></form>'


def _how_often(fault: Mapping[str, Any]) -> str:
    times = "always" if fault["left"] is None else f"{fault['left']} more"
    where = "" if fault["operation"] == "order" else f", calls: {fault['operation']}"
    return f"{times}{where}" + (f", only {fault['asin']}" if fault["asin"] else "")


def _fault_buttons(group: str, title: str) -> str:
    buttons = "".join(
        f'<button name="scenario" value="{s.name}">{escape(s.title)}<small>{s.name}</small></button>'
        for s in SCENARIOS.values()
        if s.group == group
    )
    return f'<details open><summary>{title}</summary><div class="faults">{buttons}</div></details>'


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells, already escaped; the first cell leads, and on a phone each row becomes a card."""
    if not rows:
        return ""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    lines = "".join(f"<tr>{''.join(map(_cell, heads, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _cell(head: str, content: str) -> str:
    kind = {
        "Request": "lead",
        "Product": "lead",
        "Quantity": "number",
        "Unit price": "number",
        "Total": "number",
    }
    return f'<td class="{kind.get(head, "")}" data-head="{escape(head)}"><div>{content}</div></td>'


def _order_row(order: Mapping[str, Any]) -> tuple[str, ...]:
    state = "<br>cancelled later" if order["cancelled"] else ""
    return (
        f"{escape(order['purchase_order_number'])}<br><code>{escape(order['external_id'])}</code>",
        escape(order["at"][:19].replace("T", " ")),
        f'<code class="whole">{escape(order["asin"])}</code>',
        f"{order['quantity']} of {order['asked_quantity']}",
        escape(order["unit_price"]),
        f"{escape(order['total'])} {escape(order['currency'])}",
        f'<span class="whole">{escape(order["order_id"])}</span>{state}',
    )


def _rejection_row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        escape(entry["purchase_order_number"]),
        escape(entry["at"][:19].replace("T", " ")),
        f'<code class="whole">{escape(entry["asin"])}</code>',
        str(entry["asked_quantity"]),
        escape(entry["scenario"] or "–"),
    )


def _product_row(article: Article) -> tuple[str, ...]:
    states = [] if article.in_stock else ["not available"]
    states += [] if article.guidance == "NONE" else [article.guidance.lower()]
    price = f"""<form method="post" action="/page/prices" class="row"><input type="hidden" name="asin"
value="{escape(article.asin)}"><input type="number" name="unit_price" step="0.01" min="0.01"
value="{article.unit_price}" aria-label="Price"><button>Change</button></form>"""
    return (
        f"{escape(article.title)}<br><code>{escape(article.url)}</code>",
        escape(article.category),
        escape(article.seller),
        ", ".join(states) or "–",
        price,
    )
