"""An Enron mailbox as its truth file counts it, read without syncd: what compare-enron.py and facts-enron.py share."""
import json, os, sys


class Mailbox:
    """The messages of corpora/mail/enron/NAME within a scope of its truth file, inbox_sent or all_no_calendar."""

    def __init__(self, corpus, scope):
        corpus = corpus.rstrip("/")
        sys.path.insert(0, os.path.join(os.path.dirname(corpus), "../../tools"))
        import enronlib
        truth = json.load(open(corpus + ".truth.json"))
        self.name, self.scope = os.path.basename(corpus), scope
        self.own, self.domain = set(truth["owner"]["own"]), truth["owner"]["domain"]
        self.truth = truth["scopes"][scope]["by_content"]
        self.messages = [m for m in enronlib.load(corpus) if self.holds(m.folder)]

    def holds(self, folder):
        if self.scope == "inbox_sent":
            return folder.startswith("inbox") or folder in ("sent", "sent_items", "_sent_mail")
        return not folder.startswith(("calendar", "meetings", "contacts", "tasks", "drafts", "notes"))


def ident(m):
    """The Message-ID as the ledger writes it."""
    return m.mid.strip("<> ")


def same(m):
    """What makes two messages one under whatever Message-IDs (SPEC 4.2)."""
    return m.frm, m.date, " ".join(m.subject.lower().split()), tuple(sorted(set(m.to + m.cc) or set(m.bcc)))


def stamp(t):
    return t and t.strftime("%Y-%m-%dT%H:%M:%SZ")
