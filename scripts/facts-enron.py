#!/usr/bin/env python3
"""facts-enron.py CORPUS SCOPE CONTACTS LEDGER
What the ledger knows about each contact of a mailbox beside the same worked out here a second time, from the corpus and
the rules of SPEC 3.2, 3.4, 4.3 and 4.5 alone: who is a contact, clocks, stage, exchanges, rhythm. Fails where something
differs. CONTACTS is what "syncd contacts --all --json" prints. What is noise is taken from the ledger: it is counted
elsewhere."""
import collections, datetime, json, sqlite3, statistics, sys, zoneinfo

from enronscope import Mailbox, ident, same, stamp

corpus, scope, contacts, ledger = sys.argv[1:5]
box = Mailbox(corpus, scope)
own, zone, domain = box.own, zoneinfo.ZoneInfo("America/Chicago"), box.domain
db = sqlite3.connect(ledger)
noise = {m for m, in db.execute("""SELECT message_id FROM noise
    UNION SELECT i.evidence FROM calendar_mail AS m JOIN interaction AS i ON i.id = m.interaction_id""")}
SPAN = datetime.timedelta(days=30)


def clean(addresses):
    """What enronlib takes for addresses and are none ("@enron.com"), or are with a quote left over."""
    return {a.replace('"', "") for a in addresses if not a.startswith("@")}


def messages():
    """Every message once: copies share sender, second, subject and recipients; noise is what no copy is free of."""
    groups = collections.defaultdict(list)
    for m in box.messages:
        if ident(m) not in noise:
            groups[same(m)].append(m)
    return [min(g, key=ident) for g in groups.values()]


class Person:
    def __init__(self):
        self.out, self.into = [], []  # direct mail: when, Message-ID
        self.wrote, self.mass = False, 0

    def facts(self):
        days = {}  # of the exchanges: the moment of the first of each
        last = None
        both = sorted(self.out + self.into)
        for t, mid in both:
            other = self.into if (t, mid) in self.out else self.out
            if any(datetime.timedelta(0) <= t - o <= SPAN for o, _ in other):
                days.setdefault(t.astimezone(zone).date(), t)
                last = t
        dates = sorted(days)
        gaps = [(b - a).days for a, b in zip(dates, dates[1:])]
        weeks = {d.isocalendar()[:2] for d in dates}
        first, out, into = (max(x, default=(None, "")) for x in (both[:1], self.out, self.into))
        return {
            "contact": bool(self.out), "out": len(self.out), "in": len(self.into), "first_at": stamp(first[0]),
            "last_out": (stamp(out[0]), out[1]), "last_in": (stamp(into[0]), into[1]),
            "stage": 0 if not days else 2 if len(weeks) >= 4 else 1, "exchanges": len(days), "weeks": len(weeks),
            "first_exchange": stamp(days[dates[0]]) if days else None, "last_exchange": stamp(last),
            "rhythm_days": statistics.median(gaps) if len(days) >= 4 else None,
        }


want = collections.defaultdict(Person)
for m in messages():
    recipients = clean(m.to + m.cc + m.bcc)
    few = 0 < len(recipients) <= 8
    for a in (recipients | {m.frm}) - own:
        want[a].wrote |= a == m.frm
    if m.frm in own:
        for a in recipients - own:
            want[a].mass += not few
            want[a].out += [(m.date, ident(m))] * few
    elif few and (own & clean(m.to) or own & recipients and len(recipients) == 1):
        want[m.frm].into.append((m.date, ident(m)))

facts = {code: json.loads(f) for code, f in db.execute("SELECT code, facts FROM contact")}
have = {}
for c in map(json.loads, open(contacts)):
    f = facts[c["id"]]
    none = {"ID": "", "At": "0001-01-01T00:00:00Z"}  # what is not there is left out
    x = f.get("Exchanges", {"Count": 0, "Weeks": 0, "First": none["At"], "Last": none, "Rhythm": 0})
    when = lambda t: None if t.startswith("0001") else t  # noqa: E731
    assert len(c["addresses"]) == 1, c
    have[c["addresses"][0]] = {
        "contact": not c["candidate"], "out": c["out"], "in": c["in"], "first_at": c["first_at"],
        "last_out": (c["last_out"], f.get("LastOut", none)["ID"]), "last_in": (c["last_in"], f.get("LastIn", none)["ID"]), "stage": c["stage"], "exchanges": x["Count"], "weeks": x["Weeks"],
        "first_exchange": when(x["First"]), "last_exchange": when(x["Last"]["At"]),
        "rhythm_days": x["Rhythm"] / 86400e9 if x["Rhythm"] else None,
    }
differ = 0
for a in sorted(set(want) | set(have)):
    w = want[a].facts() if a in want else None
    if w != have.get(a):
        differ += 1
        h = have.get(a) or {}
        print("  UNEXPLAINED %s: %s" % (a, {k: (w[k], h.get(k)) for k in w if w[k] != h.get(k)} if w else "only in the ledger"))
stages = collections.Counter(f["stage"] for f in have.values() if f["contact"])
print("people: %d, their clocks with their evidence, stage, exchanges and rhythm worked out twice; %d differ" % (len(have), differ))
print("  of the contacts: stage 0 %d, stage 1 %d, stage 2 %d; with a rhythm %d" % (
    stages[0], stages[1], stages[2], sum(f["contact"] and f["rhythm_days"] is not None for f in have.values())))
for where, inside_it in (("inside", True), ("outside", False)):
    here = [a for a in have if (a.endswith("@" + domain) or a.endswith("." + domain)) == inside_it]
    kept = [a for a in here if have[a]["contact"]]
    left = [a for a in here if not have[a]["contact"] and want[a].wrote]
    mass = [a for a in left if want[a].mass]
    print("  %s the company: %d contacts; %d wrote and are none, %d of them written to, with more than 8 recipients only; %d only stand in mails of others" % (
        where, len(kept), len(left), len(mass), len(here) - len(kept) - len(left)))
sys.exit(differ > 0)
