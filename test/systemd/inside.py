"""What dvcsyncd.service promises, looked at as its operator would: run by init inside the container of run.sh.

Each test prints one line; the last line counts them."""
import contextlib
import http.client
import json
import os
import pathlib
import pwd
import re
import signal
import socket
import subprocess
import sys
import time
import traceback

UNIT = "dvcsyncd.service"
PORTAL_PASSWORD, PROVINCE_PASSWORD = "mat-khau-cong-hfw", "mat-khau-tinh-zqk"
CONF = pathlib.Path("/etc/dvcsync/dvcsyncd.conf")
CREDENTIALS = pathlib.Path("/etc/dvcsync/credentials")
STATE = pathlib.Path("/var/lib/dvcsync")
STATUS, CONTROL = "/run/dvcsync/status.sock", "/run/dvcsync/control.sock"
DROP_IN = pathlib.Path("/etc/systemd/system/dvcsyncd.service.d")
TEST = pathlib.Path("/test")
DOSSIERS = 60


# ---- tools ----

def run(*command, check=True, timeout=60, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=timeout,
                          check=False, **more)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit {done.returncode}\n"
                             f"{done.stdout[-800:]}{done.stderr[-800:]}")
    return done


def show(name):
    return run("systemctl", "show", "-P", name, UNIT).stdout.strip()


def wait(condition, what, deadline_s=60):
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            value = condition()
            if value:
                return value
        time.sleep(0.1)
    raise AssertionError(f"waited {deadline_s} s in vain: {what}")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self.path)


def get(path):
    connection = UnixConnection(STATUS)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def status():
    return json.loads(get("/v1/status"))


def journal_lines(since=0):
    """Lines of the unit in journald, each with all its fields."""
    text = run("journalctl", "-u", UNIT, "-o", "json", "--all").stdout
    return [json.loads(line) for line in text.splitlines()][since:]


def ctl(*arguments, **more):
    return run("dvcsyncctl", *arguments, **more)


def drop_in(name, text):
    DROP_IN.mkdir(exist_ok=True)
    path = DROP_IN / f"{name}.conf"
    if text is None:
        path.unlink()
    else:
        path.write_text("[Service]\n" + text + "\n")
    run("systemctl", "daemon-reload")


class Sandbox:
    """The portal or the province, run by init as any other service."""

    def __init__(self, role, *arguments):
        port_file = TEST / f"{role}.port"
        run("systemd-run", "--collect", f"--unit=sandbox-{role}", "/test/dvcsync-sandbox", role,
            "--listen", "127.0.0.1:0", "--port-file", port_file, *arguments)
        wait(lambda: port_file.exists() and port_file.read_text().strip(), f"the sandbox {role}")
        self.port = int(port_file.read_text())
        self.url = f"http://127.0.0.1:{self.port}"

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def stats(self):
        return json.loads(self.ask("GET", "/_sandbox/stats"))

    def knob(self, **values):
        self.ask("POST", "/_sandbox/knobs", json.dumps({k: str(v) for k, v in values.items()}))


def configuration(portal, province, **top):
    lines = "".join(f'{k} = "{v}"\n' for k, v in top.items())
    return f'''{lines}
socket_group = "dvcsync-monitor"
admin_group = "dvcsync-admin"
maps {{ status = "maps/status.csv" procedure = "maps/procedure.csv" agency = "maps/agency.csv" }}
portal {{
    adapter_url = "{portal.url}/forward"
    agency_code = "H56"
    dstcode = "VN:GOV:000.00.00.G22:vpcpdvcqg"
    username = "demo"
    allow_plaintext = yes
    catalog_rate = 0
}}
source onestop {{
    profile = "opencps"
    url = "{province.url}/o/rest/v2"
    group_id = "20126"
    username = "demo"
    password_credential = "onestop-password"
    allow_plaintext = yes
    file_url = "{province.url}/files/{{dossierId}}/{{referenceUid}}"
    poll_every = 500ms
    sweep_every = 3s
    slow_sweep_every = 5s
    test_agencies = {{ "H56.99" }}
}}
flow dossiers {{ from = "onestop" to = "portal" mode = "live" }}
flow catalog {{ from = "portal" to = "onestop" at = "01:00" }}
retry {{ first = 50ms cap = 1s give_up_after = 5d }}
'''


class World:
    def __init__(self):
        rows = (TEST / "procedures.csv").read_text().splitlines(keepends=True)
        catalog = TEST / "catalog.csv"
        catalog.write_text("".join(rows[:1] + rows[1::60]))
        common = ("--catalog", catalog, "--agencies", TEST / "agencies.csv", "--seed", 1)
        self.portal = Sandbox("portal", "--ledger", TEST / "ledger.jsonl", *common, "--knob",
                              "username=demo", "--knob", f"password={PORTAL_PASSWORD}")
        self.province = Sandbox("province", "--dossiers", DOSSIERS, "--changes", DOSSIERS, "--rate",
                                2, *common, "--knob", "username=demo", "--knob",
                                f"password={PROVINCE_PASSWORD}")

    def configure(self, **top):
        CONF.write_text(configuration(self.portal, self.province, **top))

    def settle(self):
        """All changes made, one complete sweep behind them, everything delivered."""
        wait(lambda: json.loads(self.province.ask("GET", "/_sandbox/stats"))["finished"],
             "the province's life", 120)
        sweeps = flow("dossiers")["full_sweeps"]
        ctl("poll", "onestop", "--full")
        wait(lambda: flow("dossiers")["full_sweeps"] > sweeps, "a complete sweep", 120)
        ctl("wait", "--until", "idle", "--timeout", "2m", timeout=150)

    def verify(self):
        done = run("/test/dvcsync-sandbox", "verify", "--ledger", TEST / "ledger.jsonl",
                   "--province", self.province.url, "--portal", self.portal.url, "--journal",
                   STATE / "journal.db", check=False)
        last = done.stdout.strip().splitlines()[-1]
        assert "lost 0 duplicated 0" in last and "100.00%" in last, done.stdout[-1500:]
        return last


def flow(name):
    return next(f for f in status()["flows"] if f["name"] == name)


def main_pid():
    return int(show("MainPID"))


# ---- the tests, in the order of an installation ----

def installed_files_are_in_order(world):
    run("systemd-sysusers")
    run("systemd-tmpfiles", "--create")
    run("systemd-analyze", "verify", "--man=no", UNIT)
    pwd.getpwnam("dvcsync")
    assert CREDENTIALS.stat().st_mode & 0o777 == 0o700


def exposure_is_small(world):
    text = run("systemd-analyze", "security", UNIT, check=False).stdout
    score = float(re.search(r"Overall exposure level for .*?: ([0-9.]+)", text).group(1))
    assert score <= 1.5, text[-1500:]
    return f"score {score}"


def without_a_configuration_it_says_what_is_missing_and_stays_down(world):
    done = run("systemctl", "start", UNIT, check=False)
    assert done.returncode != 0
    time.sleep(6)  # RestartSec is 5 s
    assert show("ExecMainStatus") == "78", show("ExecMainStatus")
    assert show("NRestarts") == "0" and show("ActiveState") == "failed"
    said = " ".join(line["MESSAGE"] for line in journal_lines())
    assert "flow" in said, said[-500:]


def a_missing_credential_is_named(world):
    world.configure()
    (CREDENTIALS / "onestop-password").write_text(PROVINCE_PASSWORD + "\n")
    # It starts all the same, says so, and reads a password file again at each login.
    run("systemctl", "start", UNIT)

    def named():
        return "portal-password is empty" in " ".join(line["MESSAGE"] for line in journal_lines())
    wait(named, "the credential's name in the log", 20)
    said = " ".join(line["MESSAGE"] for line in journal_lines())
    assert PROVINCE_PASSWORD not in said, said


def credentials_reach_the_process_and_nobody_else(world):
    (CREDENTIALS / "portal-password").write_text(PORTAL_PASSWORD + "\n")
    run("systemd-tmpfiles", "--create")
    assert (CREDENTIALS / "portal-password").stat().st_mode & 0o777 == 0o400
    run("systemctl", "restart", UNIT)
    pid = main_pid()
    for secret in (PORTAL_PASSWORD, PROVINCE_PASSWORD):
        for name in ("cmdline", "environ"):
            assert secret.encode() not in pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
    # not dumpable: its memory and its environment belong to root
    assert pathlib.Path(f"/proc/{pid}/environ").stat().st_uid == 0
    real = re.search(r"^Uid:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)
    assert int(real.group(1)) == pwd.getpwnam("dvcsync").pw_uid


def start_returns_when_it_is_ready(world):
    run("systemctl", "stop", UNIT)
    begun = time.monotonic()
    run("systemctl", "start", UNIT)
    took = time.monotonic() - begun
    # At once, without a second try: the sockets answer and the journal is there.
    assert status()["flows"], "status without flows"
    assert (STATE / "journal.db").exists()
    return f"{took:.2f} s"


def a_journal_that_is_locked_is_never_ready(world):
    run("systemctl", "stop", UNIT)
    holder = subprocess.Popen(["flock", "--no-fork", STATE / "journal.db.lock", "sleep", "60"])
    try:
        time.sleep(0.3)
        done = run("systemctl", "start", UNIT, check=False)
        assert done.returncode != 0
        assert show("ActiveState") != "active"
    finally:
        holder.kill()
        holder.wait()
    run("systemctl", "stop", UNIT)
    run("systemctl", "reset-failed", UNIT, check=False)
    run("systemctl", "start", UNIT)


def modes_and_owners_are_narrow(world):
    def mode(path):
        s = os.stat(path)
        return f"{s.st_mode & 0o777:o}", s.st_uid, s.st_gid
    import grp
    user = pwd.getpwnam("dvcsync").pw_uid
    monitor, admin = (grp.getgrnam(g).gr_gid for g in ("dvcsync-monitor", "dvcsync-admin"))
    assert mode(STATE)[:2] == ("700", user), mode(STATE)
    assert mode(STATE / "journal.db")[:2] == ("600", user)
    assert mode(STATUS) == ("660", user, monitor), mode(STATUS)
    assert mode(CONTROL) == ("660", user, admin), mode(CONTROL)
    refused = run("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "curl", "-sS",
                  "--unix-socket", STATUS, "http://localhost/v1/status", check=False)
    assert refused.returncode == 7, refused.stdout + refused.stderr
    member = run("setpriv", "--reuid=nobody", "--regid=dvcsync-monitor", "--clear-groups", "curl",
                 "-sS", "--unix-socket", STATUS, "http://localhost/v1/status")
    assert '"flows"' in member.stdout


def a_full_cycle_is_delivered(world):
    world.settle()
    return world.verify()


def the_manager_is_told_the_state(world):
    text = wait(lambda: show("StatusText"), "a status text", 15)
    assert re.search(r"\d", text), text
    assert show("NotifyAccess") == "main" and show("Type") == "notify"
    return text


def journald_has_fields(world):
    lines = journal_lines()
    events = {line.get("DVC_EVENT") for line in lines}
    assert {"started", "listening"} & events or "started" in events, events
    calls = [line for line in lines if line.get("DVC_EVENT") == "call"]
    assert calls, events
    for field in ("DVC_FLOW", "DVC_RECORD", "DVC_DOSSIER", "DVC_STATE", "DVC_OUTCOME",
                  "DVC_DURATION_MS", "PRIORITY"):
        assert field in calls[0], (field, calls[0])
    assert calls[0]["DVC_FLOW"] in ("dossiers", "catalog")
    assert run("journalctl", "-u", UNIT, "DVC_FLOW=dossiers", "-q", "-n", "1").stdout
    with_id = [line for line in lines if "MESSAGE_ID" in line]
    return f"{len(lines)} lines, {len(events)} events, {len(with_id)} with a MESSAGE_ID"


def nothing_secret_is_in_journald(world):
    text = run("journalctl", "-u", UNIT, "--all", "-o", "export").stdout
    assert "DVC_EVENT" in text
    for secret in (PORTAL_PASSWORD, PROVINCE_PASSWORD):
        assert secret not in text


def a_good_reload_takes_effect(world):
    before = status()["configuration"]["generation"]
    world.configure(log_level="info", keep_payload="9d")
    run("systemctl", "reload", UNIT)
    wait(lambda: status()["configuration"]["generation"] > before, "the new configuration", 10)
    assert show("ActiveState") == "active"
    assert "9d" in get("/v1/config")


def a_bad_reload_is_refused_and_the_old_one_stays(world):
    before, pid = status()["configuration"]["generation"], main_pid()
    CONF.write_text(CONF.read_text() + "\nno_such_key = 1\n")
    done = run("systemctl", "reload", UNIT, check=False)
    assert done.returncode != 0
    assert main_pid() == pid and show("ActiveState") == "active"
    assert status()["configuration"]["generation"] == before
    said = " ".join(line["MESSAGE"] for line in journal_lines()[-8:])
    assert "no_such_key" in said, said
    os.kill(pid, signal.SIGHUP)  # past ExecReload's own check
    time.sleep(1)
    assert main_pid() == pid and show("ActiveState") == "active"
    assert status()["configuration"]["generation"] == before
    world.configure(log_level="info")
    run("systemctl", "reload", UNIT)


def a_hung_process_is_killed_and_started_again(world):
    drop_in("watchdog", "WatchdogSec=3\nRestartSec=1")
    run("systemctl", "restart", UNIT)
    restarts, pid = int(show("NRestarts")), main_pid()
    time.sleep(4)  # longer than the watchdog: it is fed
    assert main_pid() == pid
    world.portal.knob(latency_ms=400)
    ctl("poll", "onestop", "--full")
    os.kill(pid, signal.SIGSTOP)
    wait(lambda: int(show("NRestarts")) > restarts and show("ActiveState") == "active" and
         main_pid() not in (0, pid), "a restart by the watchdog", 30)
    said = run("journalctl", "-q", "-u", UNIT, "-n", "30").stdout
    assert "Watchdog timeout" in said, said
    world.portal.knob(latency_ms=0)
    drop_in("watchdog", None)
    world.settle()
    return world.verify()


def a_killed_process_comes_back(world):
    drop_in("quick", "RestartSec=1")
    restarts, pid = int(show("NRestarts")), main_pid()
    os.kill(pid, signal.SIGKILL)
    wait(lambda: int(show("NRestarts")) > restarts and show("ActiveState") == "active" and
         main_pid() not in (0, pid), "a restart", 30)
    drop_in("quick", None)
    world.settle()
    return world.verify()


def no_system_call_is_denied_in_a_full_cycle(world):
    """The filter kills instead of refusing: what the filter denies would end the process."""
    drop_in("deadly", "SystemCallErrorNumber=")
    run("systemctl", "restart", UNIT)
    pid = main_pid()
    trace = TEST / "trace"
    # What it may ask for and do without: journald's own library tries for a bigger buffer first.
    harmless = "SO_SNDBUFFORCE"
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-Z", "-o", str(trace), "-p", str(pid)],
                              stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    try:
        world.settle()
        ctl("catalog", "read")
        get("/metrics")
        backup = STATE / "backup.db"
        ctl("journal", "backup", backup)
        run("systemctl", "reload", UNIT)
        ctl("wait", "--until", "idle", "--timeout", "1m", timeout=80)
        assert main_pid() == pid, "the process ended"
        run("systemctl", "stop", UNIT)
    finally:
        tracer.terminate()
        tracer.wait()
    assert show("Result") == "success", show("Result")
    denied = [line for line in trace.read_text().splitlines()
              if re.search(r"= -1 (EPERM|EACCES|EAFNOSUPPORT|ENOSYS)", line)
              and harmless not in line]
    assert not denied, denied[:10]
    seen = len(trace.read_text().splitlines())
    drop_in("deadly", None)
    run("systemctl", "start", UNIT)
    return f"{seen} failed calls seen, none of them denied"


def the_deadly_filter_would_have_shown_it(world):
    drop_in("deadly", "SystemCallErrorNumber=\nSystemCallFilter=~fdatasync fsync")
    run("systemctl", "restart", UNIT, check=False)
    ctl("pause", "portal", check=False)  # a row of the audit: written, synced
    wait(lambda: "status=31/SYS" in run("journalctl", "-q", "-u", UNIT, "-n", "40").stdout,
         "death by SIGSYS", 20)
    drop_in("deadly", None)
    run("systemctl", "stop", UNIT)
    run("systemctl", "reset-failed", UNIT, check=False)
    run("systemctl", "start", UNIT)
    ctl("resume", "portal")


def a_stop_is_clean(world):
    pid = main_pid()
    begun = time.monotonic()
    run("systemctl", "stop", UNIT)
    took = time.monotonic() - begun
    assert show("Result") == "success" and show("ExecMainStatus") == "0"
    assert not pathlib.Path(f"/proc/{pid}").exists()
    wal = STATE / "journal.db-wal"
    assert not wal.exists() or wal.stat().st_size == 0
    assert took < 30, took
    run("systemctl", "start", UNIT)
    return f"{took:.2f} s"


def metrics_reach_a_local_port(world):
    run("systemctl", "start", "dvcsync-metrics-proxy.socket")
    text = run("curl", "-sS", "--fail", "http://127.0.0.1:9851/metrics").stdout
    assert "dvcsync_" in text
    run("systemctl", "stop", "dvcsync-metrics-proxy.socket", "dvcsync-metrics-proxy.service")


def the_journal_is_sound_at_the_end(world):
    world.settle()
    run("systemctl", "stop", UNIT)
    ctl("journal", "check", STATE / "journal.db")
    ctl("audit", "verify", STATE / "journal.db")
    return world.verify()


TESTS = (installed_files_are_in_order, exposure_is_small,
         without_a_configuration_it_says_what_is_missing_and_stays_down,
         a_missing_credential_is_named, credentials_reach_the_process_and_nobody_else,
         start_returns_when_it_is_ready, a_journal_that_is_locked_is_never_ready,
         modes_and_owners_are_narrow, no_system_call_is_denied_in_a_full_cycle,
         the_deadly_filter_would_have_shown_it, a_full_cycle_is_delivered, the_manager_is_told_the_state,
         journald_has_fields, nothing_secret_is_in_journald, a_good_reload_takes_effect,
         a_bad_reload_is_refused_and_the_old_one_stays, a_hung_process_is_killed_and_started_again,
         a_killed_process_comes_back, a_stop_is_clean, metrics_reach_a_local_port,
         the_journal_is_sound_at_the_end)


def main():
    passed = failed = 0
    world = World()
    for test in TESTS:
        name = test.__name__.replace("_", " ")
        begun = time.monotonic()
        try:
            said = test(world)
            passed += 1
            print(f"  ok   {name} ({time.monotonic() - begun:.1f} s){': ' + said if said else ''}",
                  flush=True)
        except Exception:  # each test speaks for itself; the next one still runs
            failed += 1
            print(f"  FAIL {name}\n{traceback.format_exc()}", flush=True)
            print(run("journalctl", "-q", "-u", UNIT, "-n", "15", "--no-pager",
                      check=False).stdout, flush=True)
    print(f"systemd-test: {passed} passed, {failed} failed", flush=True)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
