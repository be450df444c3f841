"""The attacks, by number. Each is a function of a world that gives a verdict and what it is about."""

import json

from world import Unfit

__all__ = ["LINES", "Unfit"]

PATCH = {"Content-Type": "application/json-patch+json"}
# Statuses of what a server does not offer at all.
NOWHERE = (405, 501)


def told(method, path):
    return f"{method} {path}"


def parting(one, other):
    """The two shapes from where they part."""
    at = next((at for at, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
    cut = lambda text: f"{text.splitlines()[0]} …{text[max(0, at - 40):at + 80]}".replace("\n", " ")
    return f"hidden: {cut(one)} | absent: {cut(other)}"


def resources(answer):
    """Every resource of an answer, those of its entries and of theirs too."""
    waiting, found = [answer.json()], []
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict) and one.get("resourceType"):
            found.append(one)
            waiting += [part.get("resource") for part in one.get("entry", []) if isinstance(part, dict)]
    return found


def shows(world, answer, used):
    """A sign of what is hidden in an answer: the thing itself, or what is said in it alone and was not asked for."""
    hidden = {pair[0] for name, pair in world.pairs.items() if name in ("id", "binary", "of", "list", "consent", "team", "relative", "trace")}
    found = next((one["id"] for one in resources(answer) if one.get("id") in hidden), None)
    return found or next((secret for secret in world.secrets if secret not in used and secret in answer.text), None)


def alike(method, path, headers=None, body=None, control="allowed", write=False):
    """Hidden and absent are answered alike to whoever may not see. A write is not repeated by whoever may."""

    def attack(world):
        (one, used), (other, more) = (world.ask(world.denied, side, method, path, headers, body) for side in (0, 1))
        here, there = one.shape(used), other.shape(more)
        if write and one.status < 300 and other.status < 300:
            # What was made differs, as it was asked for; how it was answered must not.
            here, there = one.outline(), other.outline()
        name = told(method, path)
        if here != there:
            return "LEAKED", f"{name}: {parting(here, there)}"
        sign = shows(world, one, used)
        if sign:
            return "LEAKED", f"{name}: it shows `{sign}`"
        if write:
            offered = one.status not in NOWHERE and "not-supported" not in one.text
        else:
            token = getattr(world, control) or world.allowed
            (one, used), (other, more) = (world.ask(token, side, method, path, headers, body) for side in (0, 1))
            offered = one.shape(used) != other.shape(more)
        return ("held" if offered else "not offered"), name

    return attack


def hides(method, path, headers=None, body=None):
    """What is answered to whoever may not see has no sign of what is hidden; to whoever may it has."""

    def attack(world):
        answer, used = world.ask(world.denied, 0, method, path, headers, body)
        sign = shows(world, answer, used)
        if sign:
            return "LEAKED", f"{told(method, path)}: it shows `{sign}`"
        answer, used = world.ask(world.allowed, 0, method, path, headers, body)
        return ("held" if shows(world, answer, used) else "not offered"), told(method, path)

    return attack


def walk(path, count):
    """Every page but the last is full, and as many are counted as are shown."""

    def pages(world, token):
        answer, _ = world.ask(token, 0, "GET", f"{path}&_count={count}")
        for _ in range(1000):
            yield answer
            following = answer.link("next")
            if not following:
                return
            answer = world.server.send(token, "GET", following)

    def attack(world):
        lengths, first = [], None
        for page in pages(world, world.denied):
            first = first or page
            if page.status != 200:
                return "not offered", path
            sign = shows(world, page, [])
            if sign:
                return "LEAKED", f"{path}: a page shows `{sign}`"
            lengths.append(sum(1 for one in page.entries() if one.get("resourceType") == world.names["type"]))
        total = (first.json() or {}).get("total")
        short = [length for length in lengths[:-1] if length != count]
        if short or (total is not None and total != sum(lengths)):
            return "LEAKED", f"{path}: pages of {lengths}, total {total}"
        seen = any(shows(world, page, []) for page in pages(world, world.allowed))
        return ("held" if seen and len(lengths) > 1 else "not offered"), path

    return attack


def replay(path):
    """The pages of whoever may see are not shown to whoever may not."""

    def attack(world):
        page, _ = world.ask(world.allowed, 0, "GET", path)
        followed = 0
        while page.link("next") and followed < 100:
            following = page.link("next")
            sign = shows(world, world.server.send(world.denied, "GET", following), [])
            if sign:
                return "LEAKED", f"a page of {path} shows `{sign}` to another caller"
            page = world.server.send(world.allowed, "GET", following)
            followed += 1
        return ("held" if followed and page.status == 200 else "not offered"), path

    return attack


def plain_links(path):
    """The links to other pages name no person."""

    def attack(world):
        answer, used = world.ask(world.denied, 0, "GET", path)
        following = answer.link("next")
        if not following:
            return "not offered", path
        for secret in world.names.get("person_values", "").split(","):
            if secret and secret in following:
                return "LEAKED", f"{path}: the next link names `{secret}`"
        return "held", path

    return attack


def public(path):
    """What anybody is answered, with a token or without, has no sign of what is hidden, and the same for whoever may see."""

    def attack(world):
        answers = [world.ask(token, 0, "GET", path)[0] for token in (None, world.denied, world.allowed)]
        sign = next(filter(None, (shows(world, answer, []) for answer in answers)), None)
        if sign or answers[1].shape([]) != answers[2].shape([]):
            return "LEAKED", f"GET {path}: it shows `{sign or 'more to some'}`"
        return ("held" if answers[1].status == 200 else "not offered"), path

    return attack


def without_token(path):
    """Nobody is answered without a good token, and hidden and absent are alike."""

    def attack(world):
        for token in (None, "x", "x.y.z", (world.denied or "x") + "x"):
            (one, used), (other, more) = (world.ask(token, side, "GET", path) for side in (0, 1))
            if one.status == 200 or one.shape(used) != other.shape(more):
                return "LEAKED", f"GET {path} with the token `{str(token)[:8]}`: {one.status}, {other.status}"
        return "held", path

    return attack


def emergency(path):
    """Whoever comes in an emergency learns no more of what stays hidden in one."""

    def attack(world):
        if not world.emergency:
            raise Unfit("emergency")
        (one, used), (other, more) = (world.ask(world.emergency, side, "GET", path) for side in (0, 1))
        here, there = one.shape(used), other.shape(more)
        if here != there:
            return "LEAKED", f"GET {path} in an emergency: {parting(here, there)}"
        return ("held" if world.ask(world.emergency, 0, "GET", "{type}/{visible}")[0].status == 200 else "not offered"), path

    return attack


def kept():
    """What the person hides is hidden at once, and what is shown again is seen at once."""

    def attack(world):
        if not world.toggle:
            raise Unfit("toggle")
        read = "{type}/{visible}"
        # Of both, so that there are as many traces of one as of the other.
        _, (absent, asked) = (world.ask(world.denied, side, "GET", "{type}/{id}") for side in (0, 1))
        for _ in range(3):
            for state in ("hide", "show"):
                request = world.toggle[state]
                answer, _ = world.ask(world.owner, 0, request["method"], request["path"], request.get("headers"), request.get("body"))
                if answer.status >= 300:
                    return "not offered", f"{state}: {answer.status}"
                answer, _ = world.ask(world.denied, 0, "GET", read)
                hidden = answer.shape([world.names["visible"]]) == absent.shape(asked)
                if hidden != (state == "hide"):
                    return "LEAKED", f"{state}, then GET {read}: {answer.status}"
        return "held", read

    return attack


def hostile(prolog):
    """A body that would have the server fetch or expand something is refused."""

    def attack(world):
        resource = world.names["type"]
        body = f'{prolog}<{resource} xmlns="http://hl7.org/fhir"><language value="&x;"/></{resource}>'
        answer = world.server.send(world.denied, "POST", resource, {"Content-Type": "application/fhir+xml"}, body)
        if "root:" in answer.text or answer.status < 300 or answer.status == 500:
            return "LEAKED", f"POST {resource} with {prolog}: {answer.status}"
        return ("not offered" if answer.status in (406, 415) else "held"), f"POST {resource} with {prolog}"

    return attack


def agreeing():
    """Read, version, history, search and batch show the same of what is hidden and of what is seen."""

    def attack(world):
        for name, token in (("denied", world.denied), ("allowed", world.allowed)):
            for target in ("{id}", "{visible}"):
                seen = {}
                for path in ("{type}/%s", "{type}/%s/_history/1", "{type}/%s/_history", "{type}?{scope}&_id=%s"):
                    answer, _ = world.ask(token, 0, "GET", path % target)
                    if answer.status in (400, 501) or (answer.status == 403 and "_history" in path):
                        continue
                    found = answer.status == 200
                    if "?" in path:
                        found = any(one.get("resourceType") == world.names["type"] for one in answer.entries())
                    seen[path] = found
                entry = {"request": {"method": "GET", "url": f"{world.fill('{type}', 0)[0]}/{world.fill(target, 0)[0]}"}}
                answer = world.server.send(token, "POST", "", body={"resourceType": "Bundle", "type": "batch", "entry": [entry]})
                if answer.status == 200:
                    seen["batch"] = any(one.get("resourceType") == world.names["type"] for one in answer.entries())
                if len(set(seen.values())) > 1:
                    return "LEAKED", f"{target} to the {name}: {json.dumps(seen)}"
        return "held", "read, vread, history, search and batch"

    return attack


def bundle(kind, *entries):
    return {"resourceType": "Bundle", "type": kind, "entry": [dict(entry) for entry in entries]}


def entry(method, url, resource=None):
    made = {"request": {"method": method, "url": url}}
    return made if resource is None else {**made, "resource": resource}


def with_body(name, change, **more):
    """A create of what the world's caller may create, changed so that it names what is hidden."""

    def attack(world):
        if name not in world.bodies:
            raise Unfit(name)
        body = json.loads(json.dumps(world.bodies[name]))
        return alike("POST", body["resourceType"], body=change(body), write=True, **more)(world)

    return attack


def set_in(path, value):
    """Sets an element of a body, by its path."""

    def change(body):
        at = body
        for step in path[:-1]:
            at = at[step] if isinstance(step, int) else at.setdefault(step, {})
        at[path[-1]] = value
        return body

    return change


def get(path, **more):
    return alike("GET", path, **more)


def gets(*paths):
    return [get(path) for path in paths]


def writes(method, path, headers=None, body=None):
    return alike(method, path, headers, body, write=True)


TEST = [{"op": "test", "path": "/status", "value": "current"}]
BARE = {"resourceType": "{type}", "id": "{id}"}
MINE = {"subject": {"reference": "Patient/{own}"}}
TEAM = {"resourceType": "CareTeam", "id": "{team}", "status": "active", **MINE}
OPERATIONS = ["$everything", "$summary", "$graph", "$access-history", "$docref"]
LINES = [
    (1, "reverse chain", gets(
        "{by_type}?_has:{type}:{by}:{token}={code}", "{by_type}?_has:{type}:{by}:{string}={text}", "{by_type}?_has:{type}:{by}:_id={id}",
        "{by_type}?_has:{type}:{by}:{date}={day}", "Patient?_has:{type}:patient:{token}={code}")),
    (2, "chain", gets("{type}?{scope}&{related}:{type}.{token}={code}", "{type}?{scope}&{related}:{type}.{string}={text}", "{type}?patient.family={family}")),
    (3, "permission on another row", gets(
        "{by_type}?_has:{type}:{by}:{token}={code}&_has:{type}:{by}:_id={visible}",
        "{by_type}?_has:{type}:{by}:{string}={text}&_has:{type}:{by}:{token}={visible_code}")),
    (4, "chain of several links", gets(
        "{by_type}?_has:{type}:{by}:{related}:{type}.{token}={code}", "{by_type}?_has:{type}:{by}:_has:{type}:{related}:{token}={code}",
        "{type}?{scope}&{related}:{type}.{related}:{type}.{token}={code}", "{type}?{scope}&_has:{type}:{related}:_id={id}")),
    (5, "search by a hidden element", gets(
        "{type}?{scope}&{token}={code}", "{type}?{scope}&{string}={text}", "{type}?{scope}&{date}={day}", "{type}?{scope}&identifier={identifier}",
        "{type}?{scope}&_id={id}", "Patient?family={family}", "Patient?_id={of}")),
    (6, "sort", [walk("{type}?{scope}&_sort={string}", 1), walk("{type}?{scope}&_sort=-{date}", 2)]),
    (7, "modifiers and full text", gets(
        "{type}?{scope}&{string}:contains={text}", "{type}?{scope}&{string}:exact={text}", "{type}?{scope}&{token}:text={text}",
        "{type}?{scope}&_content={text}", "{type}?{scope}&_text={text}", "{type}?{scope}&_filter={string} co %22{text}%22".replace(" ", "%20"))
        + [hides("GET", "{type}?{scope}&{related}:missing=false"), hides("GET", "{type}?{scope}&{string}:missing=false")]),
    (8, "negation", gets(
        "{type}?{scope}&{token}:not={code}", "{type}?{scope}&_id:not={id}", "{by_type}?_has:{type}:{by}:{token}:not={visible_code}&_has:{type}:{by}:_id={id}")
        + [hides("GET", "{type}?{scope}&{token}:not={visible_code}")]),
    (9, "membership in a hidden list", gets(
        "List/{list}", "List/{list}/_history", "List?{scope}&_id={list}", "List?{scope}&item={type}/{id}", "List?{scope}&_id={list}&_include=List:item",
        "{type}?{scope}&_list={list}", "{type}?{scope}&_has:List:item:_id={list}", "List?{scope}&_id={folder}&item={type}/{id}",
        "{type}?{scope}&_list={folder}&_id={id}", "{type}?{scope}&_has:List:item:_id={folder}&{token}={code}")
        + [hides("GET", path) for path in ("List?{scope}&_id={folder}&_include=List:item", "{type}?{scope}&_list={folder}")]),
    (10, "compartment by another parameter", [hides("GET", "Patient/{own}/{type}?_count=100"), hides("GET", "{by_type}/{by_id}/{type}?_count=100")]),
    (11, "linked patients", [hides("GET", "Patient?_id={own}&_include=Patient:link&_revinclude=Patient:link"), get("Patient/{of}")]),
    (12, "parameters of every type", gets(
        "{type}?{scope}&_id={id}", "{type}?{scope}&_id={id},{visible}", "{type}?{scope}&_tag={tag}", "{type}?{scope}&_security={tag}", "{type}?{scope}&_source={source}")
        + [hides("GET", "{type}?{scope}&_lastUpdated=gt2000-01-01&_count=100")]),
    (13, "foreign compartment", gets("?_id={id}", "?_type={type}&_id={id}", "Patient/{of}/{type}", "Patient/{of}/*", "{type}?patient={of}", "{type}?subject=Patient/{of}")),
    (14, "includes", [hides("GET", path) for path in (
        "{type}?{scope}&_include={type}:{related}", "{type}?{scope}&_include=*", "{type}?{scope}&_include:iterate={type}:{related}",
        "{type}?{scope}&_id={visible}&_revinclude={type}:{related}", "{by_type}?_id={by_id}&_revinclude={type}:{by}", "Patient?_id={own}&_revinclude={type}:patient",
        "{by_type}?_id={by_id}&_revinclude={type}:{by}&_include:iterate={type}:{related}")]),
    (15, "replayed page", [replay("{type}?{scope}&_count=1&_include={type}:{related}")]),
    (16, "short pages", [walk("{type}?{scope}", 1), walk("{type}?{scope}", 2), walk("{type}?{scope}&_total=accurate", 1)]),
    (17, "references to what is hidden", gets("AuditEvent?entity={type}/{id}", "Provenance?target={type}/{id}", "Composition?entry={type}/{id}", "List?item={type}/{id}")),
    (18, "GraphQL", [
        hides("POST", "{type}/{visible}/$graphql", None, {"query": "{ id " "relatesTo { target { resource { ... on {type} { id description } } } } }"}),
        get("$graphql?query=%7B{type}(id:%22{id}%22)%7Bid%7D%7D")]),
    (19, "totals", gets(
        "{type}?{scope}&{token}={code}&_summary=count", "{type}?{scope}&{string}={text}&_total=accurate&_count=1", "{type}?{scope}&{token}={code}&_count=0",
        "{type}?{scope}&_id={id},{visible}&_total=accurate", "{by_type}?_has:{type}:{by}:{scope}&_has:{type}:{by}:{token}={code}&_summary=count")),
    (20, "page of another caller", [replay("{type}?{scope}&_count=1"), replay("{type}?{scope}&_count=1&_sort={string}")]),
    (21, "links in clear", [plain_links("{type}?{person_scope}&_count=1")]),
    (22, "kept decisions", [kept()]),
    (23, "status of a guessed id", gets("{type}/{id}", "Binary/{binary}", "Patient/{of}", "{type}/{id}?_format=json")),
    (24, "history", gets("{type}/{id}/_history", "{type}/{id}/_history?_count=1", "Binary/{binary}/_history")
        + [hides("GET", "{type}/_history?_count=100"), hides("GET", "_history?_count=100")]),
    (25, "version before masking", gets("{type}/{id}/_history/1", "{type}/{id}/_history/2", "{type}/{id}/_history/99")),
    (26, "conditional read", [get("{type}/{id}", headers={name: value}) for name, value in (
        ("If-None-Match", 'W/"1"'), ("If-None-Match", "*"), ("If-Match", 'W/"9"'), ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"))]),
    (27, "other forms", gets(
        "{type}/{id}?_format=xml", "{type}/{id}?_pretty=true", "{type}/{id}?_elements=id", "{type}/{id}?_summary=text", "{type}?{scope}&_id={id}&_summary=text",
        "{type}?{scope}&_id={id}&_elements=id") + [alike("HEAD", "{type}/{id}"), alike("OPTIONS", "{type}/{id}"), get("{type}/{id}", headers={"Accept": "text/html"})]),
    (28, "Binary", gets("Binary/{binary}", "Binary/{binary}/_history/1", "Binary?_id={binary}")
        + [get("Binary/{binary}", headers={"Accept": "application/fhir+json"}), alike("HEAD", "Binary/{binary}")]),
    (29, "missing token", [without_token("{type}/{id}"), without_token("{type}?{scope}&{token}={code}")]),
    (30, "conditional writes", [
        writes("PATCH", "{type}?identifier={identifier}", PATCH, TEST), writes("DELETE", "{type}?identifier={identifier}"),
        writes("PUT", "{type}?identifier={identifier}", None, {"resourceType": "{type}"}),
        with_body("create", lambda body: body, headers={"If-None-Exist": "identifier={identifier}"})]),
    (31, "conditional references", [
        with_body("refer", lambda body: body),
        writes("POST", "", None, bundle("transaction", entry("GET", "{type}?{scope}&identifier={identifier}")))]),
    (32, "referential integrity", [with_body("point", lambda body: body), with_body("replace", lambda body: body)]),
    (33, "move to another person", [writes("PUT", "{type}/{id}", None, {**BARE, **MINE}), writes("PUT", "CareTeam/{team}", None, TEAM)]),
    (34, "patch", [writes("PATCH", "{type}/{id}", PATCH, patch) for patch in (
        TEST, [{"op": "test", "path": "/description", "value": "{text}"}], [{"op": "replace", "path": "/description", "value": "x"}])]),
    (35, "labels of the client", [writes("PATCH", "{type}/{id}", PATCH, patch) for patch in (
        [{"op": "remove", "path": "/securityLabel"}], [{"op": "add", "path": "/meta/tag", "value": [{"code": "public"}]}], [{"op": "remove", "path": "/meta/security"}])]),
    (36, "consent for oneself", [with_body("consent", lambda body: body)]),
    (37, "update of a hidden id", [writes("PUT", path, headers, body) for path, body in (("{type}/{id}", BARE), ("CareTeam/{team}", TEAM))
        for headers in (None, {"If-Match": 'W/"1"'}, {"If-Match": 'W/"9"'}, {"If-None-Match": "*"})]),
    (38, "echo", [writes(method, "{type}/{id}", {**headers, "Prefer": f"return={wanted}"}, body)
        for wanted in ("representation", "OperationOutcome", "minimal") for method, headers, body in (("PATCH", PATCH, TEST), ("PUT", {}, BARE))]),
    (39, "deletion", [writes("DELETE", path) for path in ("{type}/{id}", "Binary/{binary}", "CareTeam/{team}")]),
    (40, "entries of Bundles", [alike("POST", "", None, bundle(kind, entry("GET", url))) for kind in ("batch", "transaction") for url in (
        "{type}/{id}", "{type}/{id}/_history/1", "{type}?{scope}&_id={id}", "Binary/{binary}")]),
    (41, "transaction rolled back", [
        writes("POST", "", None, bundle("transaction", entry("GET", "{type}/{visible}"), entry("PUT", "{type}/{id}", BARE))),
        writes("POST", "", None, bundle("transaction", entry("GET", "{type}/{visible}"), entry("DELETE", "{type}/{id}")))]),
    (42, "operations", [get(f"Patient/{{of}}/{name}") for name in OPERATIONS] + [get(f"{{type}}/{{id}}/{name}") for name in OPERATIONS]
        + [get(f"{target}/$explain-access{query}", control="person") for target in ("{type}/{id}", "Patient/{of}", "Consent/{consent}") for query in ("", "?profession=10")]
        + [hides("GET", "Patient/{own}/$everything"), hides("GET", "Patient/{own}/$summary"), hides("GET", "{type}/$docref?patient={own}")]),
    (43, "export", gets("Patient/{of}/$export", "$export?patient=Patient/{of}", "Patient/$export?_typeFilter={type}%3F{token}%3D{code}")),
    (44, "subscription", [writes("POST", "Subscription", None, {
        "resourceType": "Subscription", "status": "requested", "reason": "attack list", "criteria": "{type}?_id={id}",
        "channel": {"type": "rest-hook", "endpoint": "http://127.0.0.1:9/"}})]),
    (45, "other operations", gets(*[f"{{type}}/{{id}}/{name}" for name in ("$validate", "$meta", "$diff")], "Patient/{of}/$match", "$meta")
        + [alike("POST", "{type}/$validate", None, {**BARE, "subject": {"reference": "{type}/{id}"}}, write=True)]),
    (46, "traces", gets("AuditEvent?entity={type}/{id}", "AuditEvent?patient={of}", "AuditEvent?entity={type}/{id}&_summary=count", "Provenance?target={type}/{id}")
        + [get("AuditEvent?entity={type}/{id}", control="person")]),
    (47, "public pages", [public(path) for path in ("metadata", "metadata?mode=full", ".well-known/smart-configuration")] + [get("metadata?_id={id}")]),
    (48, "hostile bodies", [hostile('<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>'), hostile('<!DOCTYPE r [<!ENTITY x "xxxx">]>')]),
    (49, "another id", gets("{type}/{id}", "Patient/{of}", "Patient/{of}/_history", "Consent/{consent}", "CareTeam/{team}", "RelatedPerson/{relative}", "AuditEvent/{trace}")
        + [get("Consent/{consent}", control="person"), get("CareTeam/{team}", control="person"), get("AuditEvent/{trace}", control="person")]),
    (50, "emergency", [emergency("{type}/{id}"), emergency("{type}?{scope}&{token}={code}&{string}={text}"), emergency("Binary/{binary}")]),
    (51, "every way of asking", [agreeing()]),
]
