"""kill -9 at any moment while mail is taken and sent, names that do not answer, a full disk,
a clock that is set: everyone ends in exactly one of delivered, bounced, expired, removed."""
import collections
import contextlib
import json
import os
import random
import re
import signal
import smtplib
import subprocess
import threading
import time
import unittest

import harness
from instance import DOMAIN, Instance, message, run
from peers import MailServer, Names
from test_sending import wait_until

KILLS = int(os.environ.get('VX_SENDING_KILLS', '25'))
RETRY = 'sending:\n  port: %d\n  retry_seconds: 1\n  retry_max_seconds: 1\n'
HERE = os.path.dirname(os.path.abspath(__file__))


def children(pid):
    with contextlib.suppress(OSError):
        with open(f'/proc/{pid}/task/{pid}/children') as f:
            return [int(x) for x in f.read().split()]
    return []


def name_of(pid):
    with contextlib.suppress(OSError):
        with open(f'/proc/{pid}/comm') as f:
            return f.read().strip()
    return ''


def processes(mail, sender):
    """The sender, or the workers beside it."""
    return [p for p in children(mail.processes['smtpd'].pid)
            if (name_of(p) == 'sender') == sender]


class Receiver:
    """A server that is slow now and then, and remembers when it took what for whom."""

    def __init__(self, address, port):
        self.tries, self.lock = collections.Counter(), threading.Lock()
        self.when = []  # of each message that it took
        self.server = MailServer(address, port, replies={
            'RCPT': self.rcpt, 'END': self.end, 'MAIL': self.pause})

    @staticmethod
    def pause(_):
        if random.random() < 0.3:
            time.sleep(random.uniform(0, 0.05))

    def rcpt(self, line):
        address = line.split('<')[1].split('>')[0]
        with self.lock:
            self.tries[address] += 1
            first = self.tries[address] == 1
        if address.startswith('gone'):
            return '550 5.1.1 nobody here'
        if address.startswith('stuck') or (address.startswith('later') and first):
            return '450 4.2.0 later'
        return None

    def end(self, octets):
        self.pause(octets)
        with self.lock:
            self.when.append((re.search(r'Subject: (\S+)', octets)[1], time.monotonic()))

    def deliveries(self):
        """Subject and recipient of each copy."""
        return [(re.search(rb'Subject: (\S+)', m[2])[1].decode(), to.split('>')[0][1:])
                for m in list(self.server.messages) for to in m[1]]


class Killed(unittest.TestCase):
    def setUp(self):
        self.names = Names()
        self.receivers = [Receiver('127.0.80.1', 0)]
        port = self.receivers[0].server.port
        self.receivers += [Receiver(f'127.0.80.{i}', port) for i in (2, 3)]
        for i, r in enumerate(self.receivers, 1):
            self.addCleanup(r.server.stop)
            self.names.add(f'd{i}.test', 'MX', f'10 mx.d{i}.test')
            self.names.add(f'mx.d{i}.test', 'A', f'127.0.80.{i}')
        self.mail = Instance(accounts=('alice', 'bob'), pop3=False, daemons=('smtpd', 'imapd'),
                             settings=RETRY % port + self.names.settings())
        self.acknowledged, self.lock, self.stop = {}, threading.Lock(), []
        self.kills = []

    def client(self, number):
        """Users' mail, some of which has recipients that are refused or put off."""
        count = 0
        while not self.stop:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                with self.mail.submission('alice') as c:
                    for _ in range(20):
                        count += 1
                        subject = f's-{number}-{count}.'
                        kinds = random.sample(('ok', 'ok2', 'later', 'gone', 'stuck'),
                                              random.randint(1, 3))
                        to = [f'{k}-{number}-{count}@d{random.randint(1, 3)}.test'
                              for k in kinds if k != 'stuck' or random.random() < 0.2]
                        to.append(f'bob@{DOMAIN}')
                        body = 'y' * random.choice((10, 9000)) + '\r\n'
                        c.sendmail(f'alice@{DOMAIN}', to,
                                   message(subject, body, sender=f'alice@{DOMAIN}'))
                        with self.lock:
                            self.acknowledged[subject] = to

    def kill(self, i):
        if i % 10 == 9:
            self.kills.append(time.monotonic())
            self.mail.kill('smtpd')
            self.mail.start('smtpd')
        else:
            for pid in processes(self.mail, sender=i % 3 != 2):
                if i % 3 != 2:
                    self.kills.append(time.monotonic())
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def queue(self):
        return json.loads(self.mail.ctl('queue', 'list', '--json'))['messages']

    def waiting(self):
        return [r['address'] for m in self.queue() for r in m['to']]

    def reported(self):
        """(Subject, recipient) of each report that alice has of somebody."""
        c = self.mail.imap('alice')
        c.select()
        found = []
        _, numbers = c.search(None, 'HEADER', 'Auto-Submitted', 'auto-replied')
        if numbers[0]:
            _, data = c.fetch(numbers[0].replace(b' ', b',').decode(), '(BODY.PEEK[])')
            for text in (d[1] for d in data if isinstance(d, tuple)):
                subject = re.search(rb'\nSubject: (s-\S+)', text)[1].decode()
                found += [(subject, a.decode()) for a in
                          re.findall(rb'Final-Recipient: rfc822; (\S+)', text)]
        c.logout()
        return found

    def filed(self):
        c = self.mail.imap('bob')
        c.select()
        _, data = c.fetch('1:*', '(BODY.PEEK[HEADER.FIELDS (SUBJECT)])')
        c.logout()
        return collections.Counter(d[1].decode().split(':', 1)[1].strip() for d in data
                                   if isinstance(d, tuple))

    def test_everyone_has_exactly_one_fate(self):
        with self.mail:
            threads = [threading.Thread(target=self.client, args=(n,)) for n in range(3)]
            for t in threads:
                t.start()
            try:
                for i in range(KILLS):
                    time.sleep(random.uniform(0.02, 0.3))
                    self.kill(i)
            finally:
                self.stop.append(True)
                for t in threads:
                    t.join()
            wait_until(lambda: all('stuck' in a for a in self.waiting()), 60)
            self.nothing_is_sent_again()
            removed = self.waiting()
            for m in self.queue():
                self.mail.ctl('queue', 'delete', m['id'])
            wait_until(lambda: not self.queue())
            time.sleep(1.2)
            self.check(removed)
            self.assertIn('0 problems', self.mail.ctl('store', 'check'))

    def nothing_is_sent_again(self):
        """What is on the disk as sent is, however often the sender dies."""
        before = sum(len(r.deliveries()) for r in self.receivers)
        for _ in range(3):
            for pid in processes(self.mail, sender=True):
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.7)
        self.assertEqual(sum(len(r.deliveries()) for r in self.receivers), before)

    def check(self, removed):
        delivered = collections.Counter(d for r in self.receivers for d in r.deliveries())
        reported = collections.Counter(self.reported())
        filed = self.filed()
        wanted = {(s, a) for s, to in self.acknowledged.items() for a in to
                  if not a.endswith(DOMAIN)}
        good = {w for w in wanted if w[1].startswith(('ok', 'later'))}
        gone = {w for w in wanted if w[1].startswith('gone')}
        stuck = {w for w in wanted if w[1].startswith('stuck')}
        print(f'{len(self.acknowledged)} acknowledged, {len(wanted)} recipients elsewhere, '
              f'{KILLS} kills, {sum(delivered.values()) - len(delivered)} twice', flush=True)
        self.assertGreater(len(wanted), 10)
        self.assertEqual(good - set(delivered), set(), 'lost')
        self.assertEqual(gone - set(reported), set(), 'not told')
        self.assertEqual({a for _, a in stuck} - set(removed), set(), 'neither sent nor kept')
        self.assertEqual(set(reported) & set(delivered), set(), 'two fates')
        self.assertEqual({k: n for k, n in reported.items() if n > 1}, {}, 'told twice')
        self.assertEqual({a for _, a in set(reported) | set(delivered)} & set(removed), set())
        self.assertFalse([d for d in delivered if d[1].startswith(('gone', 'stuck'))])
        self.assertFalse([r for r in reported if not r[1].startswith('gone')])
        self.assertEqual(set(self.acknowledged) - set(filed), set(), 'not filed')
        self.assertEqual({s: n for s, n in filed.items() if n > 1}, {}, 'filed twice')
        for r in self.receivers:
            for subject, times in self.copies(r).items():
                for t in times[:-1]:  # it died before that was on the disk
                    self.assertTrue(any(-0.1 < k - t < 2 for k in self.kills), subject)

    @staticmethod
    def copies(receiver):
        """When each message was taken that was more than once with the same recipients."""
        found = collections.defaultdict(list)
        for (subject, t), m in zip(receiver.when, receiver.server.messages):
            found[subject, tuple(m[1])].append(t)
        return {k[0]: sorted(v) for k, v in found.items() if len(v) > 1}


class Trouble(unittest.TestCase):
    """Things that go wrong around us, and are right again."""

    def setUp(self):
        self.names = Names()
        self.addCleanup(self.names.stop)
        self.receiver = Receiver('127.0.81.1', 0)
        self.server = self.receiver.server
        self.addCleanup(self.server.stop)
        self.names.add('d1.test', 'MX', '10 mx.d1.test')
        self.names.add('mx.d1.test', 'A', '127.0.81.1')

    def instance(self, more='', **kwargs):
        return Instance(accounts=('alice',), pop3=False, daemons=('smtpd', 'imapd'),
                        settings=RETRY % self.server.port + self.names.settings() + more,
                        **kwargs)

    def send(self, *to, subject='trouble'):
        with self.mail.submission('alice') as c:
            c.sendmail(f'alice@{DOMAIN}', to,
                       message(subject, sender=f'alice@{DOMAIN}'))

    def reasons(self):
        return {r['address']: r['reason'] for m in
                json.loads(self.mail.ctl('queue', 'list', '--json'))['messages']
                for r in m['to'] if r['attempts']}

    def reports(self, word):
        c = self.mail.imap()
        c.select()
        _, numbers = c.search(None, 'HEADER', 'Auto-Submitted', 'auto-replied')
        texts = [c.fetch(n, '(BODY.PEEK[])')[1][0][1].decode() for n in numbers[0].split()]
        c.logout()
        return [t for t in texts if word in t]

    def test_names_that_nobody_answers(self):
        with self.instance() as self.mail:
            self.names.stop()
            self.send('ok@d1.test')
            wait_until(lambda: 'name servers do not answer' in
                       self.reasons().get('ok@d1.test', ''), 40)
            self.names = Names(self.names.records, self.names.port)
            wait_until(lambda: self.server.messages, 40)
            wait_until(lambda: not self.reasons())
        self.assertEqual(len(self.server.messages), 1)

    @unittest.skipUnless(os.geteuid() == 0, 'needs root for a small file system')
    def test_a_full_disk(self):
        self.mail = self.instance('store:\n  ballast_mb: 4\n')
        os.makedirs(self.mail.state)
        run('mount', '-t', 'tmpfs', '-o', 'size=64m', 'vectis-test', self.mail.state)
        self.addCleanup(subprocess.run, ['umount', '-l', self.mail.state], check=False)
        with self.mail:
            self.server.replies['MAIL'] = '450 4.3.0 not yet'
            for i in range(10):
                self.send(f'ok-{i}@d1.test', f'gone-{i}@d1.test', subject=f'full-{i}.')
            wait_until(lambda: len(self.reasons()) == 20)
            full = os.path.join(self.mail.state, 'filler')
            with contextlib.suppress(OSError), open(full, 'wb') as f:
                while True:
                    f.write(bytes(65536))
                    f.flush()
            with self.assertRaises((smtplib.SMTPResponseException,
                                    smtplib.SMTPRecipientsRefused)):
                for i in range(200):
                    self.send('ok-late@d1.test', subject='late')
            taken = len(self.server.messages)
            self.server.replies['MAIL'] = self.receiver.pause
            wait_until(lambda: len(self.receiver.deliveries()) >= taken + 10)
            time.sleep(3)  # those that could not be written are not sent again meanwhile
            os.unlink(full)
            wait_until(lambda: not self.reasons(), 40)
            self.assertEqual(sorted(a for s, a in self.receiver.deliveries() if 'full' in s),
                             [f'ok-{i}@d1.test' for i in range(10)])
            told = [a for t in self.reports('full-')
                    for a in re.findall(r'Final-Recipient: rfc822; (\S+)', t)]
            self.assertEqual(sorted(told), [f'gone-{i}@d1.test' for i in range(10)])
            self.assertIn('0 problems', self.mail.ctl('store', 'check'))

    def clock(self):
        """A clock that is as far off as a file says, for the daemons that begin now."""
        library = os.path.join(self.folder, 'clock.so')
        run('cc', '-shared', '-fPIC', '-O2', '-o', library,
            os.path.join(HERE, 'clock_shift.c'), '-ldl')
        self.offset = os.path.join(self.folder, 'offset')
        self.set_clock(0)
        for name, value in (('LD_PRELOAD', library), ('CLOCK_SHIFT', self.offset),
                            ('ASAN_OPTIONS', os.environ.get('ASAN_OPTIONS', '') +
                             ':verify_asan_link_order=0')):
            before = os.environ.get(name)
            os.environ[name] = value
            self.addCleanup(os.environ.__setitem__ if before is not None else
                            os.environ.pop, name, before)

    def set_clock(self, seconds):
        with open(self.offset, 'r+b' if os.path.exists(self.offset) else 'wb') as f:
            f.write(seconds.to_bytes(8, 'little', signed=True))

    def test_a_clock_that_is_set(self):
        self.mail = self.instance()
        self.mail.write_config()
        self.folder = self.mail.folder
        self.clock()
        with self.mail:
            self.server.replies['MAIL'] = '450 4.3.0 not yet'
            self.send('ok-back@d1.test', subject='back')
            wait_until(lambda: self.reasons())
            self.set_clock(-86400)  # a day back: due would be tomorrow
            time.sleep(2)
            self.server.replies['MAIL'] = self.receiver.pause
            wait_until(lambda: self.server.messages)
            wait_until(lambda: not self.reasons())
            self.send('stuck@d1.test', subject='forth')
            wait_until(lambda: 'later' in self.reasons().get('stuck@d1.test', ''))
            self.set_clock(130 * 3600)
            told = wait_until_found(lambda: self.reports('stuck@d1.test'))
            self.assertEqual(len(told), 1)
            self.assertIn('Action: failed', told[0])
            self.assertIn('450 4.2.0 later', told[0])
            wait_until(lambda: not self.reasons())
            self.set_clock(0)
            self.send('ok-again@d1.test', subject='again')
            wait_until(lambda: len(self.server.messages) == 2)
            time.sleep(1)
            self.assertEqual(len(self.reports('stuck@d1.test')), 1)


def wait_until_found(what):
    found = []
    wait_until(lambda: found.extend(what()) or found)
    return found


if __name__ == '__main__':
    harness.main('__main__')
