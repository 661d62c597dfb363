# shellcheck shell=bash
# enron.sh, sourced by the trials on the Enron mailboxes of ../shared/corpora: real
# servers on ports of their own (IMAP_PORT, DAV_PORT), data under TRIAL_DIR.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
shared=$(realpath ../shared)
export PYTHONDONTWRITEBYTECODE=1
IMAP_PORT=${IMAP_PORT:-17143} DAV_PORT=${DAV_PORT:-17232}
need() { [ -d "$shared/corpora/mail/enron/$1" ] || { echo "there is no $shared/corpora/mail/enron/$1"; exit 2; }; }
dovecot() { FORMAT=maildir OAUTH=off NUSERS=${NUSERS:-4} EXTRA="rawlog_dir = $W/dovecot/rawlog" "$shared/servers/dovecot.sh" "$1" "$IMAP_PORT" "$W/dovecot" "${@:2}"; }
radicale() { LOGLEVEL=info "$shared/servers/radicale.sh" "$1" "$DAV_PORT" "$W/radicale"; }
stop() { dovecot down || true; radicale down || true; }
start() {
  trap stop EXIT
  stop 2>/dev/null
  rm -rf "$W"; mkdir -p "$W"
  dovecot up >/dev/null; radicale up 2>/dev/null
  mkdir -p "$W/dovecot/rawlog"
}
# deliver USER MAILBOX [OPTION…]: options of enron_to_maildir.py.
deliver() {
  mkdir -p "$W/dovecot/home/$1/mail"
  python3 "$shared/corpora/tools/enron_to_maildir.py" "$shared/corpora/mail/enron/$2" "$W/dovecot/home/$1/mail" --names "${@:3}" >"$W/$1.json"
}
# hand over what was delivered to the user that Dovecot runs as.
release() {
  chmod -R a+rwX "$W/dovecot/home" "$W/dovecot/rawlog"
  [ "$(id -u)" != 0 ] || chown -R tbed:tbed "$W/dovecot/home" "$W/dovecot/rawlog"
}
# configuration USER MAILBOX [LINE…]: LINEs say more about the account.
configuration() {
  local owner
  owner=$(python3 -c "import json;print(', '.join('\"%s\"'%a for a in json.load(open('$shared/corpora/mail/enron/$2.truth.json'))['owner']['own']))")
  cat <<C
[me]
addresses = [$owner]
internal_domains = []
timezone = "America/Chicago"
[[account]]
name = "trial"
user = "$1"
password = "pw-$1"
imap = { host = "127.0.0.1", port = $IMAP_PORT, tls = "none" }
caldav = { url = "http://127.0.0.1:$DAV_PORT/", user = "alice", password = "pw-alice" }
C
  printf '%s\n' "${@:3}" "[followups]" "create_calendar = true"
}
# states CONTACTS: everybody with a circle or a first meeting is in exactly one state,
# and a closed one has its reason (SPEC section 3.2). CONTACTS: contacts --json.
states() {
  python3 - "$1" <<'P'
import collections, json, sys
known, n, wrong = {"muted", "open", "resting", "booked", "waiting", "closed"}, collections.Counter(), 0
for c in map(json.loads, open(sys.argv[1])):
    has = bool(c["circle"] or c["met"])
    if (c["state"] in known) != has or c["state"] == "closed" and not c["reason"]:
        wrong += 1
        print("  WRONG STATE: %s %r %r" % (c["addresses"], c["state"], c["reason"]))
    if has:
        n[c["state"] + (": " + c["reason"] if c["reason"] else "")] += 1
print("states: %s" % ("; ".join("%s %d" % s for s in sorted(n.items())) or "nobody has a circle or a first meeting"))
sys.exit(wrong > 0)
P
}
say() { printf '\n== %s\n' "$*"; }
