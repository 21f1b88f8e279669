"""Security headers of every answer. Knows what a page may load, and from where: only from here."""

from __future__ import annotations

import secrets
from typing import Final
from urllib.parse import urlsplit

from flask import Flask, Response, g, request
from secure import Secure
from secure.headers import (
    ContentSecurityPolicy,
    CrossOriginOpenerPolicy,
    CrossOriginResourcePolicy,
    PermissionsPolicy,
    ReferrerPolicy,
    StrictTransportSecurity,
    XContentTypeOptions,
    XFrameOptions,
)

YEAR_SECONDS = 31_536_000


def set_up_headers(app: Flask, public_url: str) -> None:
    """Send the headers with every answer; HSTS only where the pages are reached by https."""
    https = urlsplit(public_url).scheme == "https"
    fixed = Secure(
        coop=CrossOriginOpenerPolicy().same_origin(),
        corp=CrossOriginResourcePolicy().same_origin(),
        hsts=StrictTransportSecurity().max_age(YEAR_SECONDS).include_subdomains() if https else None,
        permissions=PermissionsPolicy().geolocation().camera().microphone(),
        referrer=ReferrerPolicy().strict_origin_when_cross_origin(),
        xcto=XContentTypeOptions().nosniff(),
        xfo=XFrameOptions().deny(),
    )

    def send(response: Response) -> Response:
        fixed.set_headers(response)
        response.headers["Content-Security-Policy"] = content_policy()
        if request.endpoint != "static" and "Cache-Control" not in response.headers:
            # Not no-store: a form reached by the back button must still carry its key, so that it acts once.
            response.headers["Cache-Control"] = "private, no-cache"
        return response

    app.after_request(send)
    app.jinja_env.globals["csp_nonce"] = nonce


def nonce() -> str:
    """What marks this answer's own inline scripts; new for every request."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


_NONCE: Final = "nonce-of-the-answer"
_OURS: Final = ContentSecurityPolicy.nonce(_NONCE)
#: Made once, for all answers: they differ in the nonce.
_POLICY: Final = (
    ContentSecurityPolicy()
    .default_src("'none'")
    .script_src("'self'", _OURS)
    .style_src("'self'", _OURS)
    .img_src("'self'", "data:")
    .font_src("'self'")
    .connect_src("'self'")
    .form_action("'self'")
    .base_uri("'none'")
    .object_src("'none'")
    .frame_ancestors("'none'")
    .manifest_src("'self'")
).header_value


def content_policy() -> str:
    """Scripts and styles only from here or with the nonce; no style attributes, no frames, no plug-ins."""
    return _POLICY.replace(_NONCE, nonce())
