"""Run by trial-clients, for one server: SERVER, DAV_URL, IMAP_PORT, W."""
import datetime, glob, json, os, re, shutil, subprocess, sys

import caldav

SERVER, URL, W = os.environ["SERVER"], os.environ["DAV_URL"], os.environ["W"]
START = datetime.datetime(2026, 5, 12, 8, 30)
UNTOUCHED, failures, rows = "nothing", [], []
# What why says of each decision.
WORDS = {
    "done": ("marked done", "said with a command that it is done"),
    "dismissed": ("deleted", "dismissed with a command"), "snoozed": "moved to", "move": "asked for it to move", "taken": "made your own",
    "noted": 'noted "', "undone": "took its end back", "muted": "asked for quiet", "unmuted": "took the quiet", "edited": ("titled", "wrote in it"),
}


class Syncd:
    """syncd with a ledger and a clock of its own."""

    def __init__(self, name):
        self.dir, self.now = os.path.join(W, SERVER + "-" + name), START
        os.makedirs(self.dir)
        config = os.path.join(self.dir, "config.toml")
        with open(config, "w") as f:
            f.write(
                '[me]\nname = "Alice Vale"\naddresses = ["alice@vale.example.org"]\ntimezone = "UTC"\n[[account]]\nname = "trial"\n'
                'imap = { host = "127.0.0.1", port = %s, tls = "none", user = "alice", password = "pw-alice" }\n'
                'caldav = { url = "%s", user = "alice", password = "pw-alice" }\n'
                '[followups]\ncalendar = "%s"\ncreate_calendar = true\nper_day = 10\n' % (os.environ["IMAP_PORT"], URL, name)
            )
        os.chmod(config, 0o600)
        self.command = [os.path.join(W, "syncd"), "--config", config, "--state", os.path.join(self.dir, "state")]

    def run(self, *args):
        env = dict(os.environ, SYNCD_TRIAL_NOW=self.now.strftime("%Y-%m-%dT%H:%M:%SZ"))
        return subprocess.run(self.command + list(args), check=True, capture_output=True, text=True, env=env).stdout

    def sync(self, minutes):
        self.now += datetime.timedelta(minutes=minutes)
        return self.run("sync", "--at", self.now.strftime("%Y-%m-%d %H:%M"))

    def followups(self):
        return sorted(map(json.loads, self.run("export", "followups").splitlines()), key=lambda f: f["slot"])

    def morning(self):
        """The first passes of the next working day."""
        days = 3 if self.now.weekday() == 4 else 1
        self.now = (self.now + datetime.timedelta(days=days)).replace(hour=8, minute=30)
        self.sync(0)
        self.sync(1)

    def passes(self):
        """Two passes, far enough apart that a deletion is believed."""
        self.sync(1)
        self.sync(11)

    def understood(self, f):
        """What the journal says that the user decided on an event, or on its person by a command."""
        with open(os.path.join(self.dir, "state", "journal.jsonl")) as lines:
            said = [n for n in map(json.loads, lines) if n["type"] == "decision"]
        who = f["name"].lower().replace(" ", ".") + "@"
        mine = {n["decision"] for n in said if n.get("uid") == f["uid"] or not n.get("uid") and n.get("who", "").startswith(who)}
        return "+".join(sorted(mine)) or UNTOUCHED


def account():
    return caldav.DAVClient(URL, username="alice", password="pw-alice").principal().calendars()


def called(name):
    return next(c for c in account() if str(c.name) == name)


def elsewhere():
    """The calendar that is no program's follow-up calendar."""
    return next(c for c in account() if not str(c.name).endswith("follow-ups"))


def bodies(calendar):
    return {str(e.url): e.data for e in called(calendar).events()}


def met(name):
    """Alice met somebody new this morning."""
    elsewhere().save_event(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//trial//EN\r\nBEGIN:VEVENT\r\nUID:met-%s@vale.example.org\r\nDTSTAMP:20260501T080000Z\r\n"
        "DTSTART:20260512T073000Z\r\nDTEND:20260512T080000Z\r\nSUMMARY:Coffee\r\nORGANIZER:mailto:alice@vale.example.org\r\n"
        "ATTENDEE;PARTSTAT=ACCEPTED;CN=%s:mailto:%s@ihle.example.net\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n" % (name.split()[0].lower(), name, name.split()[0].lower())
    )


class Khal:
    """khal on what vdirsyncer brings."""

    name, friend = "khal", "Walt Ihle"

    def __init__(self, calendar, home, syncd):
        self.dir, self.calendar, self.syncd = home, calendar, syncd
        os.makedirs(os.path.join(home, "cal"))
        self.write("vdirsyncer.conf", '[general]\nstatus_path = "%s/status/"\n[pair cal]\na = "local"\nb = "remote"\ncollections = ["from b"]\n'
                   'conflict_resolution = "b wins"\n[storage local]\ntype = "filesystem"\npath = "%s/cal/"\nfileext = ".ics"\n'
                   '[storage remote]\ntype = "caldav"\nurl = "%s"\nusername = "alice"\npassword = "pw-alice"\n' % (home, home, URL))
        self.write("khal.conf", "[calendars]\n[[all]]\npath = %s/cal/*\ntype = discover\n[locale]\ntimeformat = %%H:%%M\ndateformat = %%Y-%%m-%%d\n"
                   "longdateformat = %%Y-%%m-%%d\ndatetimeformat = %%Y-%%m-%%d %%H:%%M\nlongdatetimeformat = %%Y-%%m-%%d %%H:%%M\n"
                   "local_timezone = UTC\ndefault_timezone = UTC\n[sqlite]\npath = %s/khal.db\n" % (home, home))
        self.env = dict(os.environ, HOME=home, XDG_CACHE_HOME=home, TZ="UTC", LANG="C.UTF-8", LC_ALL="C.UTF-8")
        self.vdirsyncer("discover", answers="y\n" * 50)
        self.vdirsyncer("sync")

    def write(self, name, text):
        with open(os.path.join(self.dir, name), "w") as f:
            f.write(text)

    def tool(self, *args, answers=""):
        r = subprocess.run(args, input=answers, env=self.env, capture_output=True, text=True, errors="replace")
        if r.returncode:
            raise RuntimeError("%s: %s%s" % (" ".join(args), r.stdout, r.stderr))

    def vdirsyncer(self, verb, answers=""):
        self.tool("vdirsyncer", "-c", os.path.join(self.dir, "vdirsyncer.conf"), verb, answers=answers)

    def edit(self, answers):
        def do(f):
            self.tool("khal", "-c", os.path.join(self.dir, "khal.conf"), "edit", "--show-past", f["name"], answers=answers + "\nn\n")
        return do

    def file(self, f):
        for path in glob.glob(os.path.join(self.dir, "cal", "*", "*.ics")):
            with open(path) as g:
                if f["uid"] in g.read():
                    return path
        raise RuntimeError("no file of " + f["title"])

    def collection(self):
        """The directory of the calendar that is not syncd's."""
        own = os.path.dirname(self.anyone)
        return next(d for d in sorted(glob.glob(os.path.join(self.dir, "cal", "*"))) if d != own)

    def elsewhere(self, f):
        self.anyone = self.file(f)
        shutil.move(self.anyone, self.collection())

    def copy(self, f):
        path = self.file(f)
        with open(path) as g:
            text = g.read()
        with open(os.path.join(os.path.dirname(path), "copy.ics"), "w") as g:
            g.write(text.replace("UID:" + f["uid"], "UID:copy@vale.example.org"))

    def new(self, title):
        def do(f):
            own = os.path.basename(os.path.dirname(self.file(f)))
            self.tool("khal", "-c", os.path.join(self.dir, "khal.conf"), "new", "-a", own, "2026-05-20", "10:00", title)
        return do

    def steps(self, *all):
        """What the user does one after another, with passes between."""
        def do(f):
            for step in all[:-1]:
                self.make(step, f)
                self.syncd.passes()
            self.vdirsyncer("sync")
            all[-1](f)
        return do

    def title(self, before):
        return lambda f: self.edit("s\n" + before + f["title"])(f)

    def keep(self, f):
        with open(self.file(f)) as g:
            self.kept = os.path.dirname(self.file(f)), g.read()

    def delete(self, f):
        self.tool("khal", "-c", os.path.join(self.dir, "khal.conf"), "edit", "--show-past", f["name"], answers="D\ny\n")

    def restore(self, f):
        with open(os.path.join(self.kept[0], "restored.ics"), "w") as g:
            g.write(self.kept[1])

    def gestures(self):
        return [
            ("new title", self.edit("s\nRing them"), "edited"),
            ("done in front of the title", self.title("done "), "done"),
            ("done in front of another title", self.edit("s\ndone Rang them"), "done+edited"),
            ("another time", self.edit("t\n2026-05-14 11:00 2026-05-14 11:15"), "snoozed"),
            ("another text", self.edit("d\nThey like tea."), "edited+noted"),
            ("a line wants: alone", self.edit("d\nwants: a flat"), "edited+noted"),
            ("made weekly", self.edit("p\nweekly\n"), "taken"),
            ("deleted", self.delete, "dismissed"),
            ("moved to another calendar (mv)", self.elsewhere, "taken"),
            ("never in front of the title", self.title("never "), "muted"),
            ("a note, done, the mark away", self.steps(self.edit("d\nThey like tea."), self.title("done "), self.title("")), "done+edited+noted+undone"),
            ("a note, quiet, the mark away", self.steps(self.edit("d\nThey like tea."), self.title("quiet: "), self.title("")), "edited+muted+noted+undone+unmuted"),
            ("deleted, restored (cp)", self.steps(self.keep, self.delete, self.restore), "dismissed+undone"),
            ("place", self.edit("l\nCafé Blau"), UNTOUCHED),
            ("alarm", self.edit("a\n10m"), UNTOUCHED, "same"),
            ("category", self.edit("c\nFriends"), UNTOUCHED, "same"),
            ("copied (cp)", self.copy, UNTOUCHED, "same"),
            ("new event", self.new("Dentist"), UNTOUCHED, "same"),
            ("new event: Call " + self.friend, self.new("Call " + self.friend), UNTOUCHED, "same", "adopted"),
        ]

    def make(self, gesture, f):
        self.vdirsyncer("sync")
        gesture(f)
        self.vdirsyncer("sync")


class Python:
    """python3-caldav."""

    name, friend = "caldav", "Vera Ihle"

    def __init__(self, calendar, _, syncd):
        self.own, self.other, self.syncd = called(calendar), elsewhere(), syncd

    def event(self, f):
        return self.own.event_by_url(self.own.url.join(f["href"]))

    def change(self, change):
        def do(f):
            e = self.event(f)
            change(e.vobject_instance.vevent)
            e.save()
        return do

    @staticmethod
    def shift(v):
        for p in (v.dtstart, v.dtend):
            p.value += datetime.timedelta(days=2)

    @staticmethod
    def prop(name, value):
        def change(v):
            if hasattr(v, name):
                delattr(v, name)
            v.add(name).value = value
        return change

    @staticmethod
    def invite(v):
        v.add("organizer").value = "mailto:alice@vale.example.org"
        v.add("attendee").value = "mailto:sam@example.org"

    @staticmethod
    def line(text):
        def change(v):
            v.description.value += "\n" + text
        return change

    def elsewhere(self, f):
        e = self.event(f)
        data = e.data
        e.delete()
        self.other.save_event(data)

    def copy(self, f):
        self.own.save_event(self.event(f).data.replace("UID:" + f["uid"], "UID:copy@vale.example.org"))

    def new(self, title):
        return lambda f: self.own.save_event(summary=title, dtstart=datetime.datetime(2026, 5, 20, 10), dtend=datetime.datetime(2026, 5, 20, 11))

    def restored(self, wait):
        def do(f):
            e = self.event(f)
            data = e.data
            e.delete()
            if wait:
                self.syncd.passes()
            self.own.save_event(data)
        return do

    def another(self, f):
        """A copy under another UID elsewhere, and the event deleted."""
        self.other.save_event(self.event(f).data.replace("UID:" + f["uid"], "UID:moved-%s@vale.example.org" % f["code"]))
        self.event(f).delete()

    def steps(self, *all):
        def do(f):
            for step in all[:-1]:
                step(f)
                self.syncd.passes()
            all[-1](f)
        return do

    def gestures(self):
        def title(change):
            def do(v):
                v.summary.value = change(v.summary.value)
            return self.change(do)

        def line(text):
            return self.change(self.line(text))
        bare = title(lambda s: s.removeprefix("done ").removeprefix("never "))
        return [
            ("new title", title(lambda s: "Ring them"), "edited"),
            ("done in front of the title", title(lambda s: "done " + s), "done"),
            ("another time", self.change(self.shift), "snoozed"),
            ("a note below the marker", line("She likes tea."), "edited+noted"),
            ("a line wants: below the marker", line("wants: a flat"), "edited+noted"),
            ("RRULE", self.change(self.prop("rrule", "FREQ=WEEKLY")), "taken"),
            ("invited someone", self.change(self.invite), "taken"),
            ("STATUS:CANCELLED", self.change(self.prop("status", "CANCELLED")), "done"),
            ("deleted", lambda f: self.event(f).delete(), "dismissed"),
            ("moved to another calendar", self.elsewhere, "taken"),
            ("moved there under another UID", self.another, "taken"),
            ("never in front of the title", title(lambda s: "never " + s), "muted"),
            ("a note, done, the mark away", self.steps(line("She likes tea."), title(lambda s: "done " + s), bare), "done+edited+noted+undone"),
            ("a note, never, the mark away", self.steps(line("She likes tea."), title(lambda s: "never " + s), bare), "edited+muted+noted+undone+unmuted"),
            ("deleted, restored", self.restored(True), "dismissed+undone"),
            ("saved unchanged", self.change(lambda v: None), UNTOUCHED),
            ("place", self.change(self.prop("location", "Café Blau")), UNTOUCHED, "same"),
            ("deleted and saved under its UID", self.restored(False), UNTOUCHED, "same"),
            ("copied", self.copy, UNTOUCHED, "same"),
            ("new event", self.new("Dentist"), UNTOUCHED, "same"),
            ("new event: Call " + self.friend, self.new("Call " + self.friend), UNTOUCHED, "same", "adopted"),
        ]

    def make(self, gesture, f):
        gesture(f)


class Shell(Python):
    """The user at a shell."""

    name = "syncd"

    def command(self, *words):
        return lambda f: print(self.syncd.run(*(w.format(**f) for w in words)).rstrip())

    def gestures(self):
        return [
            ("done CODE", self.command("done", "{code}"), "done"),
            ("snooze CODE 2w", self.command("snooze", "{code}", "2w"), "move"),
            ("snooze CODE friday, then dragged", self.steps(self.command("snooze", "{code}", "friday"), self.change(self.shift)), "move+snoozed"),
            ("dismiss CODE", self.command("dismiss", "{code}"), "dismissed"),
            ("mute NAME", self.command("mute", "{name}"), "muted"),
            ("log NAME … --kind call", self.command("log", "{name}", "called about the flat", "--kind", "call"), "logged", "acted"),
            ("log NAME wants: …", self.command("log", "{name}", "wants: a flat"), "logged"),
            ("circle NAME close", self.command("circle", "{name}", "close"), "circle"),
        ]


def spoken(why):
    """What why says that the user did, and how it ended."""
    return re.findall(r"^  you +\d+ \w+ \d+ \d\d:\d\d: (.*)$", why, re.M), re.search(r"^  ended +[^:]*:\d\d: (.*)$", why, re.M)


def judge(program, what, f, s, want, flags):
    def wrong(text, *args):
        failures.append("%s, %s, %s: %s" % (SERVER, program, what, text % args))
        print("WRONG:", failures[-1])
    now = next(g for g in s.followups() if g["uid"] == f["uid"])
    why, plan = s.run("why", f["code"]), s.run("plan", "--all")
    print("\n== %s, %s: %s: %s" % (SERVER, program, what, f["title"]))
    print(why.rstrip())
    print("plan:", "\n      ".join(line for line in plan.splitlines() if f["code"] in line) or "says nothing of it")
    got, words = s.understood(f), set(want.split("+"))
    ends = {"done": "done", "dismissed": "dismissed", "muted": "withdrawn"}
    ended = next((o for w, o in ends.items() if w in words and "undone" not in words), "acted" if "acted" in flags else "open")
    if got != want or now["status"] != ended:
        wrong("understood as %s and %s, want %s and %s", got, now["status"], want, ended)
    said, end = spoken(why)
    for word in words & WORDS.keys():
        if not any(line.startswith(WORDS[word]) for line in said) and not (word == "muted" and end):
            wrong("why does not say %s", word)
    if want == UNTOUCHED and (said or end):
        wrong("why says %s", said or end.group(1))
    if end and ended == "open" or not end and ended != "open":
        wrong("why says that it ended: %s", bool(end))
    rows.append("%-10s %-8s %-34s %-34s %s" % (SERVER, program, what, got, "; ".join(said + ([end.group(1)] if end else [])) or "nothing of the user's"))


def adopted(program, s, friend, before, after):
    """An event of the user's own is in the plan as the reason, and stays as it is."""
    plan = json.loads(s.run("plan", "--all", "--json"))["followups"]
    held = [f for f in plan if f["name"] == friend and f["rule"] != "dormant"]  # which is for next year
    print("\n== %s, %s: %s" % (SERVER, program, [(f["title"], f["status"], f["held_because"]) for f in held]))
    same = before == after and any("SUMMARY:Call " + friend in b for b in after.values())
    if not same or [f["status"] for f in held] != ["held"] or not held[0]["held_because"].startswith("you planned it yourself: “Call " + friend):
        failures.append("%s, %s: Call %s is not adopted; untouched: %s; %s" % (SERVER, program, friend, same, held))
    if any(f["name"] == friend for f in s.followups()):
        failures.append("%s, %s: something was written about %s" % (SERVER, program, friend))
    rows.append("%-10s %-8s %-34s %-34s %s" % (SERVER, program, "new event: Call " + friend, "adopted", "plan: " + (held[0]["held_because"] if held else "nothing")))


def pauses(s, client, calendar):
    """pause, resume and purge, by what the calendar holds after them."""
    note = "She likes tea."

    def step(what, *args, grows=False, purged=False):
        before = bodies(calendar)
        for a in args:
            print("\n== %s, syncd: %s\n%s" % (SERVER, what, s.run(*a).rstrip()))
        s.morning()
        after = bodies(calendar)
        open_ = [f for f in s.followups() if f["status"] == "open"]
        noted = [b for b in after.values() if note in b]
        ok = len(after) > len(before) if grows else (len(after) == len(noted) == 1 and not open_ if purged else after == before)
        says = "%d events before, %d the next working day; %d follow-ups open" % (len(before), len(after), len(open_))
        if not ok:
            failures.append("%s, syncd, %s: %s" % (SERVER, what, says))
        rows.append("%-10s %-8s %-34s %-34s %s" % (SERVER, "syncd", what, "as said" if ok else "WRONG", says))
    step("pause", ["pause"])
    step("resume", ["resume"], grows=True)
    client.change(client.line(note))(next(f for f in s.followups() if f["status"] == "open"))
    s.passes()
    step("purge, one event has a note", ["purge", "--yes"], purged=True)
    step("resume after purge", ["resume"], grows=True)


def trial(program):
    calendar = program.name + " follow-ups"
    s = Syncd(calendar)
    s.sync(0)
    waiting = s.followups()
    known = {f["uid"] for f in waiting}
    client = program(calendar, os.path.join(W, "%s-%s" % (SERVER, program.name)), s)
    f = None
    for what, gesture, want, *flags in client.gestures():
        if "same" not in flags:
            if not waiting:  # a day has ten new ones
                s.morning()
                waiting = [f for f in s.followups() if f["uid"] not in known]
            f = waiting.pop(0)
        if "adopted" in flags:
            met(client.friend)
        client.make(gesture, f)
        before = bodies(calendar)
        s.passes()
        if "adopted" in flags:
            adopted(program.name, s, client.friend, before, bodies(calendar))
        else:
            judge(program.name, what, f, s, want, flags)
    before = s.followups()
    s.sync(1)
    if s.followups() != before:
        failures.append("%s, %s: a pass with nothing new changed something" % (SERVER, program.name))
    if program is Shell:
        pauses(s, client, calendar)


os.makedirs(W, exist_ok=True)
for program in (Khal, Python, Shell):
    trial(program)
with open(os.path.join(W, SERVER + ".table"), "w") as f:
    f.write("".join(r + "\n" for r in rows))
for failure in failures:
    print("WRONG:", failure)
sys.exit(bool(failures))
