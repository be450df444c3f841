"""A prepared world, the server it is on, and the shape of answers."""

import json
import re
import urllib.error
import urllib.parse
import urllib.request

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
CLOCK = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT")
# New with every answer, or as long as the id that was asked.
NEW = {"date", "x-request-id", "request-id", "x-correlation-id", "content-length", "set-cookie", "traceparent"}
PLACE = re.compile(r"\{(\w+)\}")


class Unfit(Exception):
    """The world has nothing for this request."""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """An answer that leads elsewhere is an answer."""

    def redirect_request(self, *_):
        return None


class Answer:
    """Status, headers by lower-case name, and body as text."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = sorted((name.lower(), value) for name, value in headers)
        self.text = body.decode("utf-8", "replace")

    def json(self):
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    def entries(self):
        body = self.json()
        return [one.get("resource") or {} for one in body.get("entry", [])] if isinstance(body, dict) else []

    def link(self, relation):
        body = self.json()
        links = body.get("link", []) if isinstance(body, dict) else []
        return next((one.get("url") for one in links if one.get("relation") == relation), None)

    def outline(self):
        """The status, and which headers there are."""
        return "\n".join([str(self.status)] + [name for name, _ in self.headers])

    def shape(self, asked):
        """What must be the same: the answer without what is new each time and without what was asked for."""
        body = self.json()
        if isinstance(body, dict) and body.get("resourceType") == "Bundle":
            body.pop("id", None)
            body.pop("meta", None)
            body["link"] = [one.get("relation") for one in body.get("link", [])]
        text = self.text if body is None else json.dumps(body, ensure_ascii=False, sort_keys=True)
        headers = "\n".join(f"{name}: {value}" for name, value in self.headers if name not in NEW)
        text = f"{self.status}\n{headers}\n{text}"
        spelt = {form for value in asked for form in (value, urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value), urllib.parse.quote(value))}
        for value in sorted(spelt, key=len, reverse=True):
            text = text.replace(value, "(asked)")
        for pattern, name in ((INSTANT, "(instant)"), (UUID, "(id)"), (CLOCK, "(clock)")):
            text = pattern.sub(name, text)
        return text


class Server:
    """A FHIR base."""

    def __init__(self, base, timeout):
        self.base, self.timeout = base.rstrip("/"), timeout
        self.opener = urllib.request.build_opener(NoRedirect, urllib.request.ProxyHandler({}))

    def send(self, token, method, path, headers=None, body=None):
        url = path if path.startswith(("http://", "https://")) else f"{self.base}/{path}" if path else self.base
        data = body if body is None or isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, method=method)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        if data is not None and not any(name.lower() == "content-type" for name in headers or {}):
            request.add_header("Content-Type", "application/fhir+json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with self.opener.open(request, timeout=self.timeout) as answer:
                return Answer(answer.status, answer.headers.items(), answer.read())
        except urllib.error.HTTPError as answer:
            with answer:
                return Answer(answer.code, answer.headers.items(), answer.read())


class World:
    """Something hidden, something absent, something seen, and who asks. README.md describes the keys."""

    def __init__(self, server, described):
        self.server, self.name = server, described.get("name", "world")
        self.allowed, self.denied, self.person = (described.get(key) for key in ("allowed", "denied", "person"))
        self.owner = described.get("owner") or self.person
        self.emergency, self.toggle = described.get("emergency"), described.get("toggle")
        self.secrets = described.get("secrets", [])
        self.names = described.get("names", {})
        self.pairs = described["pairs"]
        self.bodies = described.get("bodies", {})

    def fill(self, text, side, quote=False):
        """The text with the values of a side: 0 is hidden, 1 absent; and the values of pairs that were used."""
        used = []

        def value(found):
            name = found.group(1)
            if name in self.pairs:
                used.append(self.pairs[name][side])
                plain = self.pairs[name][side]
            elif name in self.names:
                plain, more = self.fill(self.names[name], side)
                used.extend(more)
                # Names may be pieces of a query; they are written as such.
                return urllib.parse.quote(plain, safe="=&:,/.-_") if quote else plain
            else:
                raise Unfit(name)
            return urllib.parse.quote(plain, safe="") if quote else plain

        return PLACE.sub(value, text), used

    def filled(self, body, side):
        """A body with these values in every string."""
        if isinstance(body, str):
            return self.fill(body, side)[0]
        if isinstance(body, list):
            return [self.filled(one, side) for one in body]
        if isinstance(body, dict):
            return {name: self.filled(one, side) for name, one in body.items()}
        return body

    def ask(self, token, side, method, path, headers=None, body=None):
        """One request; the answer and what was asked for."""
        path, used = self.fill(path, side, quote=True)
        headers = {name: self.fill(value, side, quote=name.lower() == "if-none-exist")[0] for name, value in (headers or {}).items()}
        body = self.filled(body, side)
        named = json.dumps(body, ensure_ascii=False) if body is not None else ""
        used += [pair[side] for pair in self.pairs.values() if pair[side] in named]
        return self.server.send(token, method, path, headers, body), used

    def fault(self):
        """What is not as described: the caller who may see sees what is hidden, the other does not; both find what is seen."""
        def status(token, path, side):
            return self.ask(token, side, "GET", path)[0].status

        try:
            if status(self.allowed, "{type}/{id}", 0) != 200:
                return "whoever may see does not see what is hidden"
            if status(self.allowed, "{type}/{id}", 1) == 200:
                return "what is absent is there"
            if status(self.denied, "{type}/{visible}", 0) != 200:
                return "whoever may not see does not see what is visible either"
        except Unfit as lacking:
            return f"it has no `{lacking}`"
        return None
