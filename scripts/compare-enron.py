#!/usr/bin/env python3
"""compare-enron.py CORPUS INTERACTIONS LEDGER
The ledger's counts per counterpart beside those of the truth file of a mailbox, each difference put to a cause.
CORPUS is ../shared/corpora/mail/enron/NAME; reading it again here uses nothing of syncd."""
import collections, json, os, sqlite3, sys

corpus, interactions, ledger = sys.argv[1:4]
sys.path.insert(0, os.path.join(os.path.dirname(corpus.rstrip("/")), "../../tools"))
import enronlib  # noqa: E402

truth = json.load(open(corpus.rstrip("/") + ".truth.json"))
own, scope = set(truth["owner"]["own"]), truth["scopes"]["inbox_sent"]
want = scope["by_content"]

mails = [i for i in map(json.loads, open(interactions)) if i["kind"] == "mail"]
have = {i["evidence"]["id"] for i in mails}
out, received, directions = collections.Counter(), collections.Counter(), collections.Counter()
for i in mails:
    directions[i["direction"] or "nobody's"] += 1
    if i["direction"] == "out":
        out.update(set(i["addresses"]) - own)
    elif i["direction"] == "in":
        received[i["addresses"][0]] += 1
noise = dict(sqlite3.connect(ledger).execute("SELECT message_id, reason FROM noise"))

print("messages in INBOX and Sent: %d" % scope["messages"])
print("%-28s sent %4d  received %4d" % ("truth file, by content:", want["totals"]["sent"], want["totals"]["received"]))
print("%-28s sent %4d  received %4d  nobody's %d" % ("ledger:", directions["out"], directions["in"], directions["nobody's"]))
print("noise: %s" % dict(collections.Counter(noise.values())))


def content(m):
    return (m.frm, m.date, m.subject, tuple(sorted(set(m.to + m.cc + m.bcc))))


folders = {"inbox", "sent", "sent_items", "_sent_mail"}
every = [m for m in enronlib.load(corpus) if m.folder in folders or m.folder.startswith("inbox")]
kept = {content(m) for m in every if m.mid.strip("<> ") in have}
causes, seen = collections.defaultdict(list), set()
for m in every:
    mid = m.mid.strip("<> ")
    body = " ".join(m.body.split())
    if mid in have or (content(m), body) in seen:
        seen.add((content(m), body))
        continue
    seen.add((content(m), body))
    cause = "noise: " + noise[mid] if mid in noise else "same sender, second, subject and recipients as another, other body" if content(m) in kept else "UNEXPLAINED"
    for a in (set(m.to + m.cc + m.bcc) - own if m.frm in own else {m.frm}):
        causes[a].append((m.frm in own, cause, mid))

differ = [a for a, t in want["counterparts"].items() if (t["sent"], t["received"]) != (out[a], received[a])]
print("counterparts: %d in the truth file, %d equal, %d differ" % (len(want["counterparts"]), len(want["counterparts"]) - len(differ), len(differ)))
unexplained = 0
for a in differ:
    t = want["counterparts"][a]
    sent = sum(c[0] for c in causes[a])
    rest = abs(t["sent"] - out[a] - sent) + abs(t["received"] - received[a] - (len(causes[a]) - sent))
    unexplained += rest
    print("  %-40s sent %3d ledger %3d  received %3d ledger %3d  %s" % (
        a, t["sent"], out[a], t["received"], received[a], "; ".join("%s" % c[1] for c in causes[a]) or "UNEXPLAINED"))
print("only in the ledger: %s" % (sorted((set(out) | set(received)) - set(want["counterparts"]) - own) or "none"))
print("unexplained differences: %d" % unexplained)
sys.exit(unexplained > 0)
