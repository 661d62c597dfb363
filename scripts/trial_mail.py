"""trial_mail.py MAILDIR N: mail of N invented people, each of whom waits for a reply."""
import datetime, email.message, email.utils, os, sys

top, people = sys.argv[1], int(sys.argv[2])
NOW = datetime.datetime(2026, 5, 12, 7, 0, tzinfo=datetime.timezone.utc)
FIRST = "Ada Ben Cleo Dov Eva Finn Gil Hana Ivo Jana Kai Lena Milo Nora Olga Pia Ravi Sara Tom Uma".split()
LAST = ["Berg", "Costa", "Dahl", "Evers"]


def person(i):
    name = "%s %s" % (FIRST[i % len(FIRST)], LAST[i // len(FIRST) % len(LAST)])
    return name, "%s@studio%d.example.com" % (name.lower().replace(" ", "."), i)


def put(folder, n, at, sender, to, subject, reply=None):
    m = email.message.EmailMessage()
    m["From"], m["To"], m["Subject"] = email.utils.formataddr(sender), email.utils.formataddr(to), subject
    m["Date"], m["Message-ID"] = email.utils.format_datetime(at), "<%d@%s>" % (n, sender[1].split("@")[1])
    if reply:
        m["In-Reply-To"] = m["References"] = reply
    m.set_content("Hello %s,\n\nwhat do you think about %s? Could you tell me by Friday?\n\n%s\n" % (to[0].split()[0], subject, sender[0]))
    for d in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(folder, d), exist_ok=True)
    path = os.path.join(folder, "cur", "%d.M%dP1.trial:2,S" % (at.timestamp(), n))
    with open(path, "wb") as f:
        f.write(bytes(m))
    os.utime(path, (at.timestamp(), at.timestamp()))
    return m["Message-ID"]


me = ("Alice Vale", "alice@vale.example.org")
for i in range(people):
    you = person(i)
    first = put(os.path.join(top, ".Sent"), 2 * i, NOW - datetime.timedelta(days=40, minutes=i), me, you, "the plan for spring")
    put(top, 1000 + i, NOW - datetime.timedelta(days=39, minutes=i), you, me, "Re: the plan for spring", first)
    put(os.path.join(top, ".Sent"), 2 * i + 1, NOW - datetime.timedelta(days=38, minutes=i), me, you, "thanks")
    put(top, 2000 + i, NOW - datetime.timedelta(days=5, minutes=i), you, me, "sketch number %d" % (i + 1))
