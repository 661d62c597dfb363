"""Run by trial-clients, for one server: SERVER, DAV_URL, IMAP_PORT, W."""
import datetime, glob, json, os, re, shutil, subprocess, sys

import caldav

SERVER, URL, W = os.environ["SERVER"], os.environ["DAV_URL"], os.environ["W"]
START = datetime.datetime(2026, 5, 12, 8, 30)
UNTOUCHED, failures, rows = "nothing", [], []


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
        return subprocess.run(self.command + list(args), check=True, capture_output=True, text=True).stdout

    def sync(self, minutes):
        self.now += datetime.timedelta(minutes=minutes)
        return self.run("sync", "--at", self.now.strftime("%Y-%m-%d %H:%M"))

    def followups(self):
        return sorted(map(json.loads, self.run("export", "followups").splitlines()), key=lambda f: f["slot"])

    def understood(self, uid):
        """What the journal says that the user decided on an event."""
        with open(os.path.join(self.dir, "state", "journal.jsonl")) as f:
            lines = [json.loads(line) for line in f]
        said = {n["decision"] for n in lines if n["type"] == "decision" and n["uid"] == uid}
        return "+".join(sorted(said)) or UNTOUCHED


class Khal:
    """khal on what vdirsyncer brings."""

    name = "khal"

    def __init__(self, calendar, home):
        self.dir, self.calendar = home, calendar
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

    def new(self, f):
        self.tool("khal", "-c", os.path.join(self.dir, "khal.conf"), "new", "-a", os.path.basename(os.path.dirname(self.file(f))),
                  "2026-05-20", "10:00", "Dentist")

    def gestures(self):
        return [
            ("new title", self.edit("s\nRing them"), "edited"),
            ("done in front of the title", self.edit("s\ndone Reply to them"), "done+edited"),
            ("another time", self.edit("t\n2026-05-14 11:00 2026-05-14 11:15"), "snoozed"),
            ("another text", self.edit("d\nThey like tea."), "edited"),
            ("made weekly", self.edit("p\nweekly\n"), "taken"),
            ("deleted", lambda f: self.tool("khal", "-c", os.path.join(self.dir, "khal.conf"), "edit", "--show-past", f["name"], answers="D\ny\n"), "dismissed"),
            ("moved to another calendar", self.elsewhere, "taken"),
            ("place", self.edit("l\nCafé Blau"), UNTOUCHED),
            ("alarm", self.edit("a\n10m"), UNTOUCHED, "same"),
            ("category", self.edit("c\nFriends"), UNTOUCHED, "same"),
            ("copied (cp)", self.copy, UNTOUCHED, "same"),
            ("new event", self.new, UNTOUCHED, "same"),
        ]

    def make(self, gesture, f):
        self.vdirsyncer("sync")
        gesture(f)
        self.vdirsyncer("sync")


class Python:
    """python3-caldav."""

    name = "caldav"

    def __init__(self, calendar, home):
        self.calendars = caldav.DAVClient(URL, username="alice", password="pw-alice").principal().calendars()
        self.own = next(c for c in self.calendars if str(c.name) == calendar)
        self.other = next(c for c in self.calendars if str(c.name) != calendar and not str(c.name).endswith("follow-ups"))

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
    def note(v):
        v.description.value += "\nShe likes tea."

    def elsewhere(self, f):
        e = self.event(f)
        data = e.data
        e.delete()
        self.other.save_event(data)

    def copy(self, f):
        self.own.save_event(self.event(f).data.replace("UID:" + f["uid"], "UID:copy@vale.example.org"))

    def new(self, f):
        self.own.save_event(summary="Dentist", dtstart=datetime.datetime(2026, 5, 20, 10), dtend=datetime.datetime(2026, 5, 20, 11))

    def restored(self, f):
        e = self.event(f)
        data = e.data
        e.delete()
        self.own.save_event(data)

    def gestures(self):
        def title(change):
            def do(v):
                v.summary.value = change(v.summary.value)
            return self.change(do)
        return [
            ("new title", title(lambda s: "Ring them"), "edited"),
            ("done in front of the title", title(lambda s: "done " + s), "done"),
            ("another time", self.change(self.shift), "snoozed"),
            ("a note below the marker", self.change(self.note), "edited"),
            ("RRULE", self.change(self.prop("rrule", "FREQ=WEEKLY")), "taken"),
            ("invited someone", self.change(self.invite), "taken"),
            ("STATUS:CANCELLED", self.change(self.prop("status", "CANCELLED")), "done"),
            ("deleted", lambda f: self.event(f).delete(), "dismissed"),
            ("moved to another calendar", self.elsewhere, "taken"),
            ("saved unchanged", self.change(lambda v: None), UNTOUCHED),
            ("place", self.change(self.prop("location", "Café Blau")), UNTOUCHED, "same"),
            ("deleted and saved under its UID", self.restored, UNTOUCHED, "same"),
            ("copied", self.copy, UNTOUCHED, "same"),
            ("new event", self.new, UNTOUCHED, "same"),
        ]

    def make(self, gesture, f):
        gesture(f)


def trial(program):
    calendar = program.name + " follow-ups"
    s = Syncd(calendar)
    s.sync(0)
    waiting = s.followups()
    client = program(calendar, os.path.join(W, "%s-%s" % (SERVER, program.name)))
    f = None
    for what, gesture, want, *same in client.gestures():
        if not same:
            f = waiting.pop(0)
        client.make(gesture, f)
        for minutes in (1, 12, 12):
            s.sync(minutes)
        now = next(g for g in s.followups() if g["uid"] == f["uid"])
        why, plan = s.run("why", f["code"]), s.run("plan", "--all", "--at", s.now.strftime("%Y-%m-%d %H:%M"))
        print("\n== %s, %s: %s: %s" % (SERVER, program.name, what, f["title"]))
        print(why.rstrip())
        print("plan:", "\n      ".join(line for line in plan.splitlines() if f["code"] in line) or "says nothing of it")
        got = s.understood(f["uid"])
        ended = {"dismissed": "dismissed", "done": "done"}.get(want.split("+")[0], "open")
        if got != want or now["status"] != ended:
            failures.append("%s, %s, %s: understood as %s and %s, want %s and %s" % (SERVER, program.name, what, got, now["status"], want, ended))
            print("WRONG:", failures[-1])
        says = re.search(r"^  ended +(.*)$", why, re.M)
        rows.append("%-10s %-9s %-34s %-11s %s" % (SERVER, program.name, what, got, says.group(1) if says else why.splitlines()[0]))
    before = s.followups()
    s.sync(1)
    if s.followups() != before:
        failures.append("%s, %s: a pass with nothing new changed something" % (SERVER, program.name))


os.makedirs(W, exist_ok=True)
for program in (Khal, Python):
    trial(program)
with open(os.path.join(W, SERVER + ".table"), "w") as f:
    f.write("".join(r + "\n" for r in rows))
for failure in failures:
    print("WRONG:", failure)
sys.exit(bool(failures))
