"""Whole daemons under load: each row beside a limit of the machine in the same run.

usage: bench_mail.py BUILD-DIRECTORY [quick] [ROWS...]
Rows: name, value, unit, ratio to the limit named after it.  ROWS: memory deliver checked visible
append store login fetch search large
fairness send submit waiting start; all when none is named.
"""
import base64
import contextlib
import os
import re
import json
import multiprocessing
import signal
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(sys.argv[1])
QUICK = 'quick' in sys.argv[2:]
WANTED = set(sys.argv[2:]) - {'quick'}
os.environ['top_builddir'] = BUILD
sys.path.insert(0, os.path.join(HERE, '..', 'tests', 'daemons'))
from instance import DOMAIN, Instance, free_ports, message  # noqa: E402
from peers import Names, dkim_sign  # noqa: E402
from test_imap import Raw  # noqa: E402

USERS = 100 if QUICK else 1000
ITEMS = 'UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE'
LOAD = os.path.join(BUILD, 'bench_load')
limits = {}


def row(name, value, unit, limit=None):
    text = f'{name:<40}{value:>12.2f} {unit:<8}'
    if limit:
        text += f'{value / limits[limit]:>8.3f} of {limit}'
    print(text, flush=True)


def load(*args):
    r = subprocess.run([LOAD, *map(str, args)], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, universal_newlines=True, check=False)
    if r.returncode != 0:
        raise SystemExit(f'bench_load {" ".join(map(str, args))}: {r.stderr}')
    return r.stdout


# --- limits ---------------------------------------------------------------------------

def flushes(folder):
    path = os.path.join(folder, 'flush')
    with open(path, 'wb') as f:
        f.write(bytes(4096))
        f.flush()
        os.fdatasync(f.fileno())
        begin, count = time.monotonic(), 0
        while time.monotonic() - begin < 2:
            os.pwrite(f.fileno(), bytes(4096), 0)
            os.fdatasync(f.fileno())
            count += 1
    return count / (time.monotonic() - begin)


def measure_limits(mail):
    chain, key = mail.ca.issue('limits')
    for line in load('limits', chain, key).splitlines():
        name, unit, value = line.split()
        limits[name] = float(value)
        row(name, limits[name], unit)
    limits['fdatasync'] = flushes(mail.folder)
    row('fdatasync', limits['fdatasync'], '1/s')


# --- what the daemons use ---------------------------------------------------------------

def children(pid):
    with open(f'/proc/{pid}/task/{pid}/children') as f:
        return [int(p) for p in f.read().split()]


def name_of(pid):
    with open(f'/proc/{pid}/comm') as f:
        return f.read().strip()


def pids_of(mail, name=None):
    parents = [mail.processes[name]] if name else mail.processes.values()
    return [pid for p in parents for pid in [p.pid, *children(p.pid)]]


def used_s(pid):
    with open(f'/proc/{pid}/stat') as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def cpu_s(mail):
    """User and system time that the daemons and their workers used."""
    return sum(map(used_s, pids_of(mail)))


def pss_kb(pid):
    """What a process holds, but for the mapped store."""
    total, skip = 0, False
    with open(f'/proc/{pid}/smaps') as f:
        for line in f:
            if re.match(r'[0-9a-f]+-[0-9a-f]+ ', line):
                skip = '.mdb' in line
            elif line.startswith('Pss:') and not skip:
                total += int(line.split()[1])
    return total


def pss_mb(mail, name=None):
    return sum(map(pss_kb, pids_of(mail, name))) / 1024


def flood(name, limit, *args, mail):
    before = cpu_s(mail)
    rate, _, _, p99, _ = map(float, load(*args).split())
    total = int(args[4] if args[0] in ('smtp', 'starttls', 'file') else args[3])
    row(name, rate, '1/s', limit)
    row(f'  {name} p99', p99, 'ms')
    row(f'  {name} cpu each', (cpu_s(mail) - before) / total * 1e6, 'us')


# --- rows -------------------------------------------------------------------------------

@contextlib.contextmanager
def idle(mode, *args):
    """So many connections that do nothing."""
    with subprocess.Popen([LOAD, mode, *map(str, args)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as p:
        p.stdout.readline()
        yield
        p.communicate(b'\n')


def memory(mail):
    row('idle system', pss_mb(mail), 'MB')
    count = 200 if QUICK else 2000
    for name, daemon, args in (
            ('TLS', 'imapd', ('idle', mail.ports['imaps'], count, USERS - 1)),
            ('plain', 'smtpd', ('idle-smtp', mail.ports['smtp'], count))):
        before = pss_mb(mail, daemon)
        with idle(*args):
            after = pss_mb(mail, daemon)
        row(f'idle {name} connection', (after - before) * 1024 / count, 'KB')


def full_load(mail, *args):
    """The largest sum of the daemons' memory while a load runs."""
    worst = 0
    with subprocess.Popen([LOAD, *map(str, args)], stdout=subprocess.DEVNULL) as p:
        while p.poll() is None:
            worst = max(worst, pss_mb(mail))
            time.sleep(0.1)
    return worst


def deliver(mail):
    port = mail.ports['smtp']
    n = 500 if QUICK else 5000
    for sessions in (1, 20, 64):
        for per in (1, 20):
            for boxes in (1, 50) if QUICK else (1, 100, USERS):
                flood(f'deliver s{sessions} m{per} b{boxes}', 'fdatasync', 'smtp', port,
                      sessions, per, n // 5 if sessions == 1 else n, 10000, boxes, mail=mail)
    flood('deliver 35 KB mix s20 m20 b50', 'fdatasync', 'smtp', port, 20, 20, n, 0, 50,
          mail=mail)
    flood('deliver 1 MB s20 m20 b50', 'memcpy', 'smtp', port, 20, 20, n // 10, 1000000, 50,
          mail=mail)
    flood('deliver STARTTLS s20 m1 b50', 'handshakes', 'starttls', port, 20, 1, n // 2, 10000, 50,
          mail=mail)
    row('system at full load', full_load(mail, 'smtp', port, 64, 20, n * 4, 0, 50), 'MB')


def checked(mail):
    """Mail of a stranger: SPF, DKIM (RSA of 2048 bits) and DMARC, with answers at hand."""
    n, folder = 500 if QUICK else 10000, mail.folder
    key = os.path.join(folder, 'stranger.key')
    subprocess.run(['openssl', 'genrsa', '-out', key, '2048'], check=True, stderr=subprocess.DEVNULL)
    public = subprocess.run(['openssl', 'rsa', '-in', key, '-pubout', '-outform', 'DER'], check=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    mail.names.add('stranger.test', 'TXT', 'v=spf1 ip4:127.0.7.0/24 -all')
    mail.names.add('_dmarc.stranger.test', 'TXT', 'v=DMARC1; p=reject')
    mail.names.add('s._domainkey.stranger.test', 'TXT',
                   'v=DKIM1; k=rsa; p=' + base64.b64encode(public).decode())
    mail.names.add('1.7.0.127.in-addr.arpa', 'PTR', 'mail.stranger.test')
    mail.names.add('mail.stranger.test', 'A', '127.0.7.1')
    body = ('All work and no play makes Jack a dull boy.\r\n' * 220)
    text = message('checked', body, sender='a@stranger.test')
    path = os.path.join(folder, 'signed')
    with open(path, 'wb') as f:
        f.write(dkim_sign(text, 'stranger.test', 's', key))
    flood('deliver checked 10 KB s20 m20 b50', 'fdatasync', 'file', mail.ports['smtp'], 20, 20, n,
          len(text), 50, path, 'a@stranger.test', '127.0.7.1', mail=mail)
    with mail.imap('u0') as m:
        m.select()
        _, found = m.search(None, 'SUBJECT', 'checked')
        octets = m.fetch(found[0].split()[-1], '(BODY.PEEK[HEADER])')[1][0][1]
    if any(word not in octets for word in (b'spf=pass', b'dkim=pass', b'dmarc=pass', b'iprev=pass')):
        raise SystemExit(octets.decode())


def visible(mail):
    """From the end of DATA to what another session, of another process, is told."""
    watch(mail, '')
    count = 200 if QUICK else 2000
    with idle('idle', mail.ports['imaps'], count, USERS - 1):
        watch(mail, f', {count} idle')


def watch(mail, beside):
    waits, asks = mail.imap('u0'), mail.imap('u0')
    waits.select()
    asks.select()
    waits.send(b'i IDLE\r\n')
    waits.readline()
    took = {'IDLE notice': [], 'visible': []}
    for i in range(50 if QUICK else 300):
        with mail.smtp() as s:
            s.ehlo()
            s.mail('x@example.net')
            s.rcpt(f'u0@{DOMAIN}')
            s.docmd('DATA')
            s.send(message(f'lat-{i}'))
            begin = time.monotonic()
            s.send(b'.\r\n')
            if i % 2:
                s.getreply()
                asks.send(b'n NOOP\r\n')
                while b'EXISTS' not in (line := asks.readline()):
                    assert not line.startswith(b'n '), 'told late'
                took['visible'].append(time.monotonic() - begin)
                while not asks.readline().startswith(b'n '):
                    pass
            while b'EXISTS' not in waits.readline():
                pass
            if i % 2 == 0:
                took['IDLE notice'].append(time.monotonic() - begin)
                s.getreply()
                asks.noop()
    for name, list_ in took.items():
        list_.sort()
        row(f'DATA end to {name}{beside}, median', list_[len(list_) // 2] * 1e3, 'ms')
        row(f'DATA end to {name}{beside}, p99', list_[-1 - len(list_) // 100] * 1e3, 'ms')
    waits.shutdown()
    asks.shutdown()


def times(mail, user, *commands):
    lines = load('time', mail.ports['imaps'], user, *commands).splitlines()
    return [(float(s), int(n)) for s, n in (line.split() for line in lines)]


def append(mail):
    n = 400 if QUICK else 4000
    for connections in (1, 16):
        for name, size in (('10 KB', 10000), ('35 KB mix', 0)):
            flood(f'append {name} c{connections}', 'fdatasync', 'append', mail.ports['imaps'],
                  connections, n // (8 if connections == 1 else 1), size, mail=mail)
    text = message('many', ('x' * 76 + '\r\n') * 127)
    command = b'APPEND INBOX' + b' {%d+}\r\n%s' % (len(text), text) * 100
    c, begin = Raw(mail, 'u1'), time.monotonic()
    for _ in range(n // 100):
        status, _ = c.say(command)
        assert status.startswith('OK'), status
    row('append 10 KB, 100 in one command', n / (time.monotonic() - begin), '1/s',
        'fdatasync')
    c.close()


def store(mail):
    load('append', mail.ports['imaps'], 16, 16, 1000)
    n = 400 if QUICK else 8000
    flood('store one flag c1', 'fdatasync', 'store', mail.ports['imaps'], 1, n // 4, mail=mail)
    flood('store one flag c16', 'fdatasync', 'store', mail.ports['imaps'], 16, n, mail=mail)


def login(mail):
    flood('login c8', 'handshakes', 'login', mail.ports['imaps'], 8, 200 if QUICK else 2000,
          mail=mail)


def fetch(mail):
    """A mailbox of 50,000 different messages, 35 KB on average, never read before."""
    goal = 2000 if QUICK else 50000
    c = mail.imap('u0')
    c.select()
    c.store('1:*', '+FLAGS.SILENT', r'(\Deleted)')
    c.expunge()
    load('smtp', mail.ports['smtp'], 20, 50, goal, 0, 1)
    names = ('SELECT', 'FLAGS', 'all items, first time', 'all items', 'newest 50',
             'STORE', 'SEARCH UNSEEN', 'SEARCH SUBJECT', 'SEARCH BODY')
    t = times(mail, 0, 'SELECT INBOX', 'FETCH 1:* (FLAGS)', f'FETCH 1:* ({ITEMS})',
              f'FETCH 1:* ({ITEMS})', f'FETCH {goal - 49}:* ({ITEMS})',
              'STORE 1:* +FLAGS.SILENT (\\Flagged)', 'SEARCH UNSEEN',
              'SEARCH SUBJECT "plans of week 77"', 'SEARCH BODY shrdluzz')
    for name, (took, _) in zip(names, t):
        row(f'{name} of {goal}', took * 1e3, 'ms')
    for _ in range(2):
        took, octets = times(mail, 0, 'SELECT INBOX', 'FETCH 1:* BODY.PEEK[]')[1]
    row('bodies over TLS', octets / 1e6 / took, 'MB/s', 'tls_records')
    took, octets = map(float, load('each', mail.ports['imaps'], 0, goal // 5).split())
    row('bodies one by one over TLS', octets / 1e6 / took, 'MB/s', 'tls_records')
    c.shutdown()


def search(mail):
    """In the mailbox of fetch(), when the index has all of it."""
    while json.loads(mail.ctl('search', 'status', '--json'))['pending'] > 0:
        time.sleep(0.2)
    for name, key in (('word of some', 'TEXT someone77'), ('substring', 'TEXT omeone7'),
                      ('phrase of common words', 'SUBJECT "the plans of week 7"'),
                      ('word of none', 'BODY xyzzyplugh'), ('word of all', 'TEXT plans'),
                      ('fuzzy words', 'FUZZY SUBJECT "week plans 77"')):
        took = [s for s, _ in times(mail, 0, 'SELECT INBOX', *[f'SEARCH {key}'] * 7)[1:]]
        row(f'SEARCH of a {name}', statistics.median(took) * 1e3, 'ms')


def noops(mail, stop, out):
    """Another client, in a process of its own: how long each NOOP takes."""
    c, took = Raw(mail, 'u1'), []
    while not stop.is_set():
        begin = time.monotonic()
        c.say('NOOP')
        took.append(time.monotonic() - begin)
        time.sleep(0.0005)
    out.put(sorted(took[20:]))


def fairness(mail):
    """NOOP of one client while another works on the mailbox of large()."""
    c = Raw(mail, 'u0')
    c.socket.settimeout(600)
    c.say('CREATE other')
    c.say('SELECT huge')
    for name, command in (
            ('STORE, silent', 'STORE 1:* +FLAGS.SILENT (\\Flagged)'),
            ('STORE, told', 'STORE 1:* +FLAGS (\\Answered)'), ('SEARCH', 'SEARCH BODY nobody'),
            ('FETCH', 'FETCH 1:* (UID FLAGS)'), ('SORT', 'SORT (SUBJECT) UTF-8 ALL'),
            ('COPY', 'COPY 1:* other'), ('MOVE', 'MOVE 1:* other'), ('SELECT', 'SELECT other'),
            ('EXPUNGE', 'STORE 1:* +FLAGS.SILENT (\\Deleted)\r\nx EXPUNGE')):
        stop, out = multiprocessing.Event(), multiprocessing.Queue()
        p = multiprocessing.Process(target=noops, args=(mail, stop, out))
        p.start()
        time.sleep(0.3)
        status, _ = c.say(command)
        if '\nx ' in command:
            status, _ = c.until('x')
        assert status.startswith('OK'), status
        time.sleep(0.3)
        stop.set()
        took = out.get()
        p.join()
        row(f'NOOP beside {name}, p99', took[len(took) * 99 // 100] * 1e3, 'ms')
    c.close()


def large(mail):
    """A mailbox of a million, by copies."""
    goal = 20000 if QUICK else 1000000
    c = mail.imap('u0')
    c.create('huge')
    load('append', mail.ports['imaps'], 1, 1000, 2000)
    have = int(c.select('INBOX')[1][0])
    for _ in range(goal // min(have, 50000)):
        c.copy(f'1:{min(have, 50000)}', 'huge')
    c.logout()
    t = times(mail, 0, 'SELECT huge', 'SELECT INBOX', 'SELECT huge', 'FETCH * (FLAGS)')
    row(f'SELECT of {goal}, first', t[0][0] * 1e3, 'ms')
    row(f'SELECT of {goal}', t[2][0] * 1e3, 'ms')


def send(mail):
    """Messages that wait in the queue, to a server that takes everything at once."""
    goal = 500 if QUICK else 10000
    for domains in (1, 200):
        for i in range(domains):
            mail.names.add(f'd{domains}-{i}.test', 'A', '127.0.0.1')
            mail.ctl('alias', 'add', f'out{domains}x{i}@{DOMAIN}', f'x@d{domains}-{i}.test')
        # aliases lead elsewhere; the sender waits until all is queued
        sender = sender_of(mail)
        os.kill(sender, signal.SIGSTOP)
        load('smtp', mail.ports['smtp'], 20, 20, goal, 10000, domains, f'out{domains}x')
        with subprocess.Popen([LOAD, 'sink', str(mail.sink_port), str(goal)],
                              stdout=subprocess.PIPE, universal_newlines=True) as p:
            p.stdout.readline()
            os.kill(sender, signal.SIGCONT)
            took, sessions = p.stdout.readline().split()
        row(f'send 10 KB to {domains} domain{"s" * (domains > 1)}', goal / float(took), '1/s',
            'fdatasync')
        row('  messages a connection', goal / int(sessions), '')


def submit(mail):
    """Users log in and send elsewhere: signed, RSA-2048 and Ed25519, queued and sent on."""
    goal = 2000 if QUICK else 10000
    mail.names.add('far.test', 'A', '127.0.0.1')
    with subprocess.Popen([LOAD, 'sink', str(mail.sink_port), str(goal)],
                          stdout=subprocess.PIPE, universal_newlines=True) as p:
        p.stdout.readline()
        before, begin = cpu_s(mail), time.monotonic()
        rate = load('submit', mail.ports['submission'], 20, 100, goal, 10000, 20,
                    'far.test').split()[0]
        p.stdout.readline()
        took = time.monotonic() - begin
    row('submit 10 KB, signed, s20 m100', float(rate), '1/s', 'fdatasync')
    row('  and sent on', goal / took, '1/s', 'fdatasync')
    row('  cpu each', (cpu_s(mail) - before) / goal * 1e6, 'us')


def sender_of(mail):
    return next(p for p in children(mail.processes['smtpd'].pid) if name_of(p) == 'sender')


def wait_until_quiet(pid):
    used = -1.0
    while used_s(pid) - used > 1:
        used = used_s(pid)
        time.sleep(5)


def waiting(mail):
    """The sender while all that is queued waits: its hosts do not answer."""
    goal, sender = 2000 if QUICK else 100000, sender_of(mail)
    row('sender with nothing queued', pss_kb(sender) / 1024, 'MB')
    mail.names.add('dead.test', 'A', '127.0.0.1')
    mail.ctl('alias', 'add', f'one0@{DOMAIN}', 'x@dead.test')
    names = [f'dead{i}.test' for i in range(goal)]
    for name in names:
        mail.names.add(name, 'A', '127.0.0.1')
    load('smtp', mail.ports['smtp'], 20, 20, goal, 10000, 1, 'one')
    rest(mail, sender, f'sender, {goal} messages to one')
    with mail.submission('u0') as s:
        for i in range(0, goal, 100):
            s.sendmail(f'u0@{DOMAIN}', [f'x@{name}' for name in names[i:i + 100]],
                       message('many', sender=f'u0@{DOMAIN}'))
    rest(mail, sender, f'  and {goal} destinations')


def rest(mail, sender, what):
    wait_until_quiet(sender)
    used, begin = used_s(sender), time.monotonic()
    time.sleep(2 if QUICK else 20)
    row(what, pss_kb(sender) / 1024, 'MB')
    row('  of a core', (used_s(sender) - used) / (time.monotonic() - begin) * 100, '%')


def start(mail):
    """From the exec of each daemon to an answer on its port."""
    for name, port in (('smtpd', 'smtp'), ('imapd', 'imaps'), ('pop3d', 'pop3s')):
        mail.kill(name)
        begin = time.monotonic()
        mail.start(name)
        while True:
            try:
                with socket.create_connection(('127.0.0.1', mail.ports[port]), 5) as s:
                    if port == 'smtp':
                        s.recv(10)
                    else:
                        mail.context().wrap_socket(s, server_hostname='localhost').recv(10)
                break
            except OSError:
                time.sleep(0.0005)
        row(f'start of {name}', (time.monotonic() - begin) * 1e3, 'ms')


def main():
    settings = ('limits:\n  connections: 4000\n  connections_per_address: 4000\n'
                'quota:\n  default_mb: 0\n')
    names, sink = Names(), free_ports(1)[0]
    settings += names.settings('test', '127.in-addr.arpa') + f'sending:\n  port: {sink}\n'
    settings += ('smtp:\n  blocklists: []\n  connections_per_minute: 0\n'
                 '  messages_per_minute: 0\n  recipients_per_minute: 0\n')
    begin = time.monotonic()
    with Instance(accounts=[f'u{i}' for i in range(USERS)], settings=settings,
                  pop3=False) as mail:
        mail.names, mail.sink_port = names, sink
        print(f'{USERS} accounts made in {time.monotonic() - begin:.1f} s')
        measure_limits(mail)
        for part in (memory, deliver, checked, visible, append, store, login, fetch, search, large,
                     fairness, send, submit, waiting, start):
            if not WANTED or part.__name__ in WANTED:
                part(mail)


main()
