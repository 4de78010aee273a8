"""Whole daemons under load: each row beside a limit of the machine in the same run.

usage: bench_mail.py BUILD-DIRECTORY [quick]
Rows: name, value, unit, ratio to the limit named after it.
"""
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(sys.argv[1])
QUICK = 'quick' in sys.argv[2:]
os.environ['top_builddir'] = BUILD
sys.path.insert(0, os.path.join(HERE, '..', 'tests', 'daemons'))
from instance import DOMAIN, Instance, message  # noqa: E402

USERS = 100 if QUICK else 1000
limits = {}


def row(name, value, unit, limit=None, ratio=None):
    text = f'{name:<36}{value:>12.2f} {unit:<8}'
    if limit:
        text += f'{(ratio or value) / limits[limit]:>8.2f} of {limit}'
    print(text, flush=True)


def load(*args):
    r = subprocess.run([os.path.join(BUILD, 'bench_load'), *map(str, args)],
                       capture_output=True, text=True, check=False)
    if r.returncode != 0:
        raise SystemExit(f'bench_load {" ".join(map(str, args))}: {r.stderr}')
    return r.stdout


def measure_limits(folder):
    for line in load('limits').splitlines():
        name, value = line.split()
        limits[name] = float(value)
        row(name, limits[name], 'MB/s')
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
    limits['fdatasync'] = count / (time.monotonic() - begin)
    row('fdatasync', limits['fdatasync'], '1/s')


def cpu_s(mail):
    """User and system time that the daemons and their workers used."""
    total = 0
    for process in mail.processes.values():
        for pid in [process.pid, *children(process.pid)]:
            with open(f'/proc/{pid}/stat') as f:
                fields = f.read().rsplit(')', 1)[1].split()
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf('SC_CLK_TCK')


def children(pid):
    with open(f'/proc/{pid}/task/{pid}/children') as f:
        return [int(p) for p in f.read().split()]


def pss_kb(pid, without=('state.mdb', '.vol', 'volumes')):
    """What a process holds, but for the mapped store."""
    total, skip = 0, False
    with open(f'/proc/{pid}/smaps') as f:
        for line in f:
            if re.match(r'[0-9a-f]+-[0-9a-f]+ ', line):
                skip = any(w in line for w in without)
            elif line.startswith('Pss:') and not skip:
                total += int(line.split()[1])
    return total


def system_pss_mb(mail):
    return sum(pss_kb(pid) for p in mail.processes.values()
               for pid in [p.pid, *children(p.pid)]) / 1024


def flood(name, limit, *args, mail):
    before = cpu_s(mail)
    rate, mean, median, p99, worst = map(float, load(*args).split())
    total = int(args[4] if args[0] == 'smtp' else args[3])
    row(name, rate, '1/s', limit)
    row(f'  {name} p99', p99, 'ms')
    row(f'  {name} cpu each', (cpu_s(mail) - before) / total * 1e6, 'us')


def deliveries(mail):
    port = mail.ports['smtp']
    n = 500 if QUICK else 5000
    for sessions in (1, 20, 64):
        for per in (1, 20):
            for boxes in (1, 100, USERS):
                if QUICK and boxes not in (1, USERS):
                    continue
                flood(f'deliver s{sessions} m{per} b{boxes}', 'fdatasync', 'smtp', port,
                      sessions, per, n // 5 if sessions == 1 else n, 10000, boxes, mail=mail)


def latency(mail):
    c = mail.imap('u0')
    c.select()
    c.send(b'i IDLE\r\n')
    c.readline()
    took = []
    for i in range(50 if QUICK else 300):
        with mail.smtp() as s:
            s.ehlo()
            s.mail('x@example.net')
            s.rcpt(f'u0@{DOMAIN}')
            s.docmd('DATA')
            s.send(message(f'lat-{i}'))
            begin = time.monotonic()
            s.send(b'.\r\n')
            while b'EXISTS' not in c.readline():
                pass
            took.append(time.monotonic() - begin)
            s.getreply()
    took.sort()
    row('DATA end to IDLE notice, median', took[len(took) // 2] * 1e3, 'ms')
    row('DATA end to IDLE notice, p99', took[-1 - len(took) // 100] * 1e3, 'ms')
    c.send(b'DONE\r\n')


def times(mail, user, *commands):
    lines = load('time', mail.ports['imaps'], user, *commands).splitlines()
    return [(float(s), int(n)) for s, n in (line.split() for line in lines)]


def imap(mail):
    port = mail.ports['imaps']
    n = 400 if QUICK else 4000
    flood('append c1', 'fdatasync', 'append', port, 1, n // 8, 10000, mail=mail)
    flood('append c16', 'fdatasync', 'append', port, 16, n, 10000, mail=mail)
    flood('store one flag c1', 'fdatasync', 'store', port, 1, n // 4, mail=mail)
    flood('store one flag c16', 'fdatasync', 'store', port, 16, n, mail=mail)
    flood('login c8', None, 'login', port, 8, 200 if QUICK else 1000, mail=mail)
    bodies = times(mail, 0, 'SELECT INBOX', 'FETCH 1:* BODY.PEEK[]', 'FETCH 1:* BODY.PEEK[]')
    row('bodies over TLS', bodies[2][1] / 1e6 / bodies[2][0], 'MB/s', 'aes')


def large(mail):
    """Mailboxes of 50,000 and, by doubling copies, of a million."""
    goal = 5000 if QUICK else 50000
    load('append', mail.ports['imaps'], 1, 1000, 2000)
    c = mail.imap('u0')
    c.create('big')
    c.select('INBOX')
    c.copy('1:1000', 'big')
    c.select('big')
    have = 1000
    while have < goal:
        n = min(have, goal - have)
        c.copy(f'1:{n}', 'big')
        have += n
    c.logout()
    t = times(mail, 0, 'SELECT big', 'FETCH 1:* (FLAGS)',
              'FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)',
              'FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)',
              'STORE 1:* +FLAGS.SILENT (\\Flagged)', 'SEARCH UNSEEN', 'SEARCH BODY zzzz')
    for name, (took, octets) in zip(
            (f'SELECT of {goal}', f'FLAGS of {goal}', f'envelopes of {goal}, first',
             f'envelopes of {goal}', f'STORE of {goal}', f'SEARCH UNSEEN in {goal}',
             f'SEARCH BODY in {goal}'), t):
        row(name, took * 1e3, 'ms')
    if QUICK:
        return
    c = mail.imap('u0')
    c.create('huge')
    c.select('big')
    for _ in range(20):
        c.copy('1:*', 'huge')
    c.logout()
    t = times(mail, 0, 'SELECT huge', 'SELECT INBOX', 'SELECT huge')
    row('SELECT of 1,000,000, first', t[0][0] * 1e3, 'ms')
    row('SELECT of 1,000,000', t[2][0] * 1e3, 'ms')


def memory(mail):
    row('idle system', system_pss_mb(mail), 'MB')
    count = 200 if QUICK else 2000
    pids = [mail.processes['imapd'].pid, *children(mail.processes['imapd'].pid)]
    before = sum(map(pss_kb, pids))
    p = subprocess.Popen([os.path.join(BUILD, 'bench_load'), 'idle', str(mail.ports['imaps']),
                          str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    p.stdout.readline()
    row('idle TLS connection', (sum(map(pss_kb, pids)) - before) / count, 'KB')
    p.communicate(b'\n')


def main():
    settings = 'limits:\n  connections: 4000\n  connections_per_address: 4000\n'
    begin = time.monotonic()
    with Instance(accounts=[f'u{i}' for i in range(USERS)], settings=settings) as mail:
        print(f'{USERS} accounts made in {time.monotonic() - begin:.1f} s')
        measure_limits(mail.folder)
        memory(mail)
        deliveries(mail)
        latency(mail)
        imap(mail)
        large(mail)
        row('system after the load', system_pss_mb(mail), 'MB')


main()
