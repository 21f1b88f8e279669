"""The sandbox vendor's pages for people: orders taken, faults to switch, products with their links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from local.vendor.catalogue import Article
from local.vendor.faults import SCENARIOS

_NEWEST: Final = 100
_GROUPS: Final = {
    "outcome": "What becomes of the next order",
    "delivery": "How the next answer to an order travels",
    "repeat": "What a repeated order gets",
}
_STYLE: Final = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--accent:#0b6e99}
*{box-sizing:border-box}body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:70rem;padding:1rem}
header{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;align-items:baseline;border-bottom:1px solid var(--line);
padding-bottom:.5rem}
h1{font-size:1.35rem;margin:0}h2{font-size:1.05rem;margin:1.75rem 0 .5rem}a{color:var(--accent)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.92rem}
th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;white-space:nowrap}.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
code{font-size:.88em;overflow-wrap:anywhere}.muted{opacity:.7}
button,input,select{font:inherit;padding:.4rem .7rem;border:1px solid var(--line);border-radius:.4rem;
background:var(--soft);color:inherit;min-height:2.5rem}
button{cursor:pointer}button:hover,button:focus-visible{border-color:var(--accent)}
form{margin:0}.row{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin:.5rem 0}
.faults{display:grid;grid-template-columns:repeat(auto-fill,minmax(16rem,1fr));gap:.5rem}
.faults button{text-align:left;height:100%;width:100%}.faults small{display:block;opacity:.7}
.on{border-left:4px solid #c60;padding:.4rem .75rem;background:var(--soft);border-radius:.25rem;margin:.4rem 0}
input[type=number]{width:7.5rem}label{display:inline-flex;gap:.4rem;align-items:center}
"""


def orders_page(
    records: Mapping[str, Sequence[Mapping[str, Any]]], faults: Sequence[Mapping[str, Any]]
) -> str:
    """Orders of the ledger, newest first, and the switches for faults."""
    orders = records["orders"]
    listed = [_order_row(order) for order in reversed(orders[-_NEWEST:])]
    body = f"""
<h2>Faults</h2>
{_switched_on(faults)}
<form method="post" action="/page/faults">
<div class="row"><label>Show it <select name="times"><option value="once">once</option>
<option value="always">until switched off</option></select></label>
<label>only for <input name="asin" placeholder="ASIN (all)" maxlength="10" size="12"></label></div>
{"".join(_fault_buttons(group, title) for group, title in _GROUPS.items())}
</form>
<h2>Orders taken: {len(orders)}</h2>
{
        _table(
            ("Time (UTC)", "Request", "Product", "Quantity", "Unit price", "Total", "Order number"), listed
        )
        if listed
        else '<p class="muted">None yet. Approve a request, and its order appears here.</p>'
    }
<h2>Not taken: {len(records["rejections"])} rejected, {len(records["trials"])} trials</h2>
{
        _table(
            ("Time (UTC)", "Request", "Product", "Quantity", "Fault"),
            [_rejection_row(entry) for entry in reversed(records["rejections"][-_NEWEST:])],
        )
    }
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
{_table(("Product", "Category", "Seller", "State", "Price in EUR"), rows)}
"""
    return _page("Products", body)


def _page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Vendor sandbox</title><style>{_STYLE}</style></head><body>
<header><h1>Vendor sandbox</h1><nav><a href="/">Orders and faults</a> · <a href="/products">Products</a></nav></header>
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
    return f'<h3>{title}</h3><div class="faults">{buttons}</div>'


def _table(heads: Sequence[str], rows: Sequence[str]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _order_row(order: Mapping[str, Any]) -> str:
    state = " (cancelled later)" if order["cancelled"] else ""
    return (
        f"<tr><td>{escape(order['at'][:19].replace('T', ' '))}</td>"
        f"<td>{escape(order['purchase_order_number'])}<br><code>{escape(order['external_id'])}</code></td>"
        f"<td><code>{escape(order['asin'])}</code></td>"
        f'<td class="number">{order["quantity"]} of {order["asked_quantity"]}</td>'
        f'<td class="number">{escape(order["unit_price"])}</td>'
        f'<td class="number">{escape(order["total"])} {escape(order["currency"])}</td>'
        f"<td>{escape(order['order_id'])}{state}</td></tr>"
    )


def _rejection_row(entry: Mapping[str, Any]) -> str:
    return (
        f"<tr><td>{escape(entry['at'][:19].replace('T', ' '))}</td>"
        f"<td>{escape(entry['purchase_order_number'])}</td><td><code>{escape(entry['asin'])}</code></td>"
        f'<td class="number">{entry["asked_quantity"]}</td><td>{escape(entry["scenario"] or "–")}</td></tr>'
    )


def _product_row(article: Article) -> str:
    states = [] if article.in_stock else ["not available"]
    states += [] if article.guidance == "NONE" else [article.guidance.lower()]
    return (
        f"<tr><td>{escape(article.title)}<br><code>{escape(article.url)}</code></td>"
        f"<td>{escape(article.category)}</td><td>{escape(article.seller)}</td><td>{', '.join(states) or '–'}</td>"
        f'<td><form method="post" action="/page/prices" class="row"><input type="hidden" name="asin" '
        f'value="{escape(article.asin)}"><input type="number" name="unit_price" step="0.01" min="0.01" '
        f'value="{article.unit_price}" aria-label="Price"><button>Change</button></form></td></tr>'
    )
