#!/usr/bin/env python3
"""compare-enron.py CORPUS SCOPE INTERACTIONS LEDGER
The ledger beside the truth file of a mailbox: for each counterpart how many messages went each way, and the first and
the last of them. What the ledger does not hold is put to a cause; fails where something is left without one.
CORPUS is ../shared/corpora/mail/enron/NAME, SCOPE inbox_sent or all_no_calendar; reading the corpus again uses nothing
of syncd."""
import collections, json, sqlite3, sys

from enronscope import Mailbox, ident, same, stamp

corpus, scope, interactions, ledger = sys.argv[1:5]
box = Mailbox(corpus, scope)
own, want = box.own, box.truth
FIRST_LAST = ("first_sent", "last_sent", "first_received", "last_received")


class Tally:
    """Counts and times per counterpart, of messages given once each."""

    def __init__(self):
        self.sent, self.received, self.times = collections.Counter(), collections.Counter(), collections.defaultdict(list)
        self.totals = collections.Counter()

    def add(self, mine, others, at):
        self.totals["nobody's" if not others else "sent" if mine else "received"] += 1
        for a in others:
            (self.sent if mine else self.received)[a] += 1
            self.times[a, mine].append(at)

    def of(self, a):
        sent, received = sorted(self.times[a, True]) or [None], sorted(self.times[a, False]) or [None]
        return (self.sent[a], self.received[a], sent[0], sent[-1], received[0], received[-1])

    def people(self):
        return set(self.sent) | set(self.received)


def others(m):
    return set(m.to + m.cc + m.bcc) - own if m.frm in own else {m.frm}


db = sqlite3.connect(ledger)
noise = dict(db.execute("""SELECT message_id, reason FROM noise
    UNION ALL SELECT i.evidence, 'calendar' FROM calendar_mail AS m JOIN interaction AS i ON i.id = m.interaction_id"""))
counted, expected, have = Tally(), Tally(), Tally()
by_content, groups = {}, collections.defaultdict(list)
for m in box.messages:
    if m.digest not in by_content:
        by_content[m.digest] = m
        counted.add(m.frm in own, others(m), stamp(m.date))
    groups[same(m)].append(m)
causes, who = collections.Counter(), collections.Counter()
for copies in groups.values():
    bodies = len({m.digest for m in copies})
    reasons = {noise.get(ident(m)) for m in copies}
    if None in reasons:  # one copy without a mark is enough
        expected.add(copies[0].frm in own, others(copies[0]), stamp(copies[0].date))
        causes["same sender, second, subject and recipients, other text"] += bodies - 1
    else:
        causes["noise: " + min(reasons)] += bodies
        who[min(reasons), copies[0].frm] += bodies
ids, superseding = set(), set()
for i in map(json.loads, open(interactions)):
    if i["kind"] != "mail":
        continue
    ids.add(i["evidence"]["id"])
    if i["supersedes"]:
        superseding.add(i["evidence"]["id"])
    people = {"out": set(i["addresses"]) - own, "in": {i["addresses"][0]}}.get(i["direction"], set())
    have.add(i["direction"] == "out", people, i["at"])

print("%s, %s: %d messages, %d by content" % (box.name, scope, len(box.messages), len(by_content)))
for name, t in (("truth file", {k: want["totals"].get(k, 0) for k in ("sent", "received", "owner_to_self_or_nobody")}), ("ledger", have.totals)):
    print("  %-12s sent %4d  received %4d  nobody's %d" % (name, t["sent"], t["received"], t.get("owner_to_self_or_nobody", 0) + t.get("nobody's", 0)))
for cause, n in sorted(causes.items()):
    print("  not in the ledger: %4d  %s" % (n, cause))
for (reason, frm), n in sorted(who.items()):
    t = want["counterparts"].get(frm)
    print("    %-18s %4d  %s%s" % (reason, n, frm, "  WROTE TO THEM %d times" % t["sent"] if t and t["sent"] else ""))

unexplained = 0
people = set(want["counterparts"]) | have.people() | expected.people()
equal = 0
for a in sorted(people):
    t = want["counterparts"].get(a)
    said = (t["sent"], t["received"], *(t[k] for k in FIRST_LAST)) if t else (0, 0) + (None,) * 4
    equal += said == have.of(a)
    if said != counted.of(a):
        unexplained += 1
        print("  UNEXPLAINED %s: the truth file says %s, counting again gives %s" % (a, said, counted.of(a)))
    if expected.of(a) != have.of(a):
        unexplained += 1
        print("  UNEXPLAINED %s: expected %s, the ledger has %s" % (a, expected.of(a), have.of(a)))
print("counterparts: %d in the truth file, %d equal in counts and in the first and the last each way, %d differ" % (
    len(want["counterparts"]), equal, len(people) - equal))
# The copy with the smallest Message-ID counts, and supersedes the others, whose rows are kept.
kept = [sorted({ident(m) for m in c} - set(noise)) for c in groups.values()]
rows = db.execute("SELECT count(*) FROM interaction WHERE kind = 'mail'").fetchone()[0]
for what, expect, got in (
        ("Message-IDs", {c[0] for c in kept if c}, ids), ("Message-IDs that supersede others", {c[0] for c in kept if c[1:]}, superseding),
        ("rows", set(range(sum(map(len, kept)))), set(range(rows)))):
    if expect != got:
        unexplained += 1
        print("  UNEXPLAINED %s: %d missing, %d too many" % (what, len(expect - got), len(got - expect)))
print("messages kept, superseded ones too: %d; superseded: %d" % (rows, rows - len(ids)))
print("unexplained differences: %d" % unexplained)
sys.exit(unexplained > 0)
