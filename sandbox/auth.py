"""Who may talk to the sandbox: fixed public credentials, one-time request tokens, access tokens that die at 06:00."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping

from msgspec import Struct

from sandbox.refusal import Refusal
from sandbox.trading_days import TOKEN_FLUSH_SECONDS, at, day_of, text_of

API_KEY = "sandboxkey"
API_SECRET = "sandboxsecret"
USER_ID = "SB0001"
PASSWORD = "sandbox"
TOTP = "000000"

REQUEST_TOKEN_SECONDS = 300
BAD_TOKEN = "Incorrect `api_key` or `access_token`."
NO_TOKEN = "Invalid `api_key` or `access_token`."
BAD_REQUEST_TOKEN = "Token is invalid or has expired."

_EXCHANGES = ["NSE", "BSE", "NFO", "BFO", "CDS", "MCX", "MF"]
_PRODUCTS = ["CNC", "NRML", "MIS", "MTF", "CO"]
_ORDER_TYPES = ["MARKET", "LIMIT", "SL", "SL-M"]


class Token(Struct, frozen=True):
    """An access token's life, market time in nanoseconds."""

    issued_ns: int
    expires_ns: int


class Auth:
    """Tokens of the one user. Several access tokens may be valid at once."""

    def __init__(self, now: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self._now = now
        self._monotonic = monotonic
        self._request_tokens: dict[str, float] = {}
        self._tokens: dict[str, Token] = {}
        self._refresh: dict[str, str] = {}

    def log_in(self, form: Mapping[str, str]) -> str:
        """A request token for the right credentials; refuses others."""
        given = (form.get("user_id", ""), form.get("password", ""), form.get("totp", ""))
        if given != (USER_ID, PASSWORD, TOTP):
            raise Refusal("Invalid username, password or TOTP.", "UserException", 403)
        if form.get("api_key") != API_KEY:
            raise Refusal("Invalid `api_key`.")
        token = secrets.token_hex(16)
        self._request_tokens[token] = self._monotonic() + REQUEST_TOKEN_SECONDS
        return token

    def exchange(self, form: Mapping[str, str]) -> dict[str, object]:
        """POST /session/token: an access token for a request token and its checksum."""
        request_token = form.get("request_token", "")
        expected = hashlib.sha256((API_KEY + request_token + API_SECRET).encode()).hexdigest()
        if form.get("api_key") != API_KEY or not _same(form.get("checksum", ""), expected):
            raise Refusal("Invalid `checksum`.", "TokenException", 403)
        deadline = self._request_tokens.pop(request_token, None)
        if deadline is None or self._monotonic() > deadline:
            raise Refusal(BAD_REQUEST_TOKEN, "TokenException", 403)
        return self._session(self.issue())

    def issue(self) -> str:
        """A new access token, valid until the next 06:00 IST."""
        now = self._now()
        day = day_of(now)
        expires = at(day, TOKEN_FLUSH_SECONDS)
        if expires <= now:
            expires = at(day.fromordinal(day.toordinal() + 1), TOKEN_FLUSH_SECONDS)
        token = secrets.token_hex(16)
        self._tokens[token] = Token(now, expires)
        return token

    def valid(self, api_key: str, token: str) -> bool:
        """Whether this pair may act now."""
        known = self._tokens.get(token)
        return api_key == API_KEY and known is not None and self._now() < known.expires_ns

    def check_header(self, header: str | None) -> None:
        """Refuse a request whose Authorization header does not carry a valid pair."""
        if not header or not header.startswith("token ") or ":" not in header:
            raise Refusal(NO_TOKEN)
        api_key, _, token = header[6:].partition(":")
        if not self.valid(api_key.strip(), token.strip()):
            raise Refusal(BAD_TOKEN, "TokenException", 403)

    def revoke(self, query: Mapping[str, str]) -> None:
        """DELETE /session/token, for an access token or a refresh token."""
        token = query.get("access_token") or query.get("refresh_token") or ""
        if query.get("api_key") != API_KEY or (token not in self._tokens and token not in self._refresh):
            raise Refusal(BAD_TOKEN, "TokenException", 403)
        self._tokens.pop(token, None)
        self._refresh.pop(token, None)

    def revoke_all(self) -> None:
        """Every access token dies, as in the morning; a new login gives another."""
        self._tokens.clear()

    def renew(self, form: Mapping[str, str]) -> dict[str, object]:
        """POST /session/refresh_token: individuals have no refresh token, so every one is refused."""
        refresh = form.get("refresh_token", "")
        expected = hashlib.sha256((API_KEY + refresh + API_SECRET).encode()).hexdigest()
        if form.get("api_key") != API_KEY or not _same(form.get("checksum", ""), expected):
            raise Refusal("Invalid `checksum`.", "TokenException", 403)
        if refresh not in self._refresh:
            raise Refusal("Invalid `refresh_token`.", "TokenException", 403)
        return {"user_id": USER_ID, "access_token": self.issue(), "refresh_token": refresh}

    def profile(self) -> dict[str, object]:
        """GET /user/profile."""
        return {
            "user_id": USER_ID,
            "user_type": "individual",
            "email": "sandbox@example.com",
            "user_name": "Sandbox Trader",
            "user_shortname": "Sandbox",
            "broker": "ZERODHA",
            "exchanges": _EXCHANGES,
            "products": _PRODUCTS,
            "order_types": _ORDER_TYPES,
            "avatar_url": None,
            "meta": {"demat_consent": "consent"},
        }

    def full_profile(self) -> dict[str, object]:
        """GET /user/profile/full."""
        stamp = text_of(self._now())
        return {
            **self.profile(),
            "twofa_type": "totp",
            "phone": "*0000",
            "bank_accounts": [{"name": "SANDBOX BANK", "branch": "LOOPBACK", "account": "*0000"}],
            "dp_ids": ["1208160000000000"],
            "pan": "*0000X",
            "tags": [],
            "password_timestamp": stamp,
            "twofa_timestamp": stamp,
            "meta": {"poa": "ddpi", "silo": "", "demat_consent": "consent", "account_blocks": []},
        }

    def _session(self, token: str) -> dict[str, object]:
        profile = self.profile()
        return {
            **profile,
            "api_key": API_KEY,
            "access_token": token,
            "public_token": secrets.token_hex(16),
            "enctoken": secrets.token_hex(32),
            "refresh_token": "",
            "silo": "",
            "login_time": text_of(self._tokens[token].issued_ns),
        }


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
