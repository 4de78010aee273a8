"""kill -9 at any moment and full disks: nothing acknowledged is lost, nothing is there twice."""
import collections
import contextlib
import os
import random
import signal
import smtplib
import subprocess
import threading
import time
import unittest

import harness
from instance import DOMAIN, Instance, message
from test_imap import Raw

KILLS = int(os.environ.get('VX_KILLS', '200'))


def workers_of(process):
    out = subprocess.run(['pgrep', '-P', str(process.pid)], stdout=subprocess.PIPE,
                         universal_newlines=True, check=False).stdout
    return [int(pid) for pid in out.split()]


class Durable(unittest.TestCase):
    def subjects(self, mail, name):
        c = mail.imap(name)
        c.select('INBOX', readonly=True)
        _, data = c.fetch('1:*', '(BODY.PEEK[HEADER.FIELDS (SUBJECT)])')
        c.logout()
        return collections.Counter(
            d[1].decode().split(':', 1)[1].strip() for d in data if isinstance(d, tuple))

    def test_every_acknowledged_message_survives_kill_9_exactly_once(self):
        names = ('alice', 'bob', 'carol')
        with Instance(accounts=names) as mail:
            acknowledged, lock, stop = {n: set() for n in names}, threading.Lock(), []

            def deliver(number):
                count = 0
                while not stop:
                    with contextlib.suppress(OSError, smtplib.SMTPException):
                        with mail.smtp() as c:
                            for _ in range(20):
                                count += 1
                                to = names[count % 3]
                                subject = f'd-{number}-{count}'
                                c.sendmail('x@example.net', [f'{to}@{DOMAIN}'],
                                           message(subject, 'y' * random.choice((10, 9000))
                                                   + '\r\n'))
                                with lock:
                                    acknowledged[to].add(subject)

            def append(number):
                count = 0
                while not stop:
                    with contextlib.suppress(OSError, Exception):
                        c = mail.imap('alice')
                        while not stop:
                            count += 1
                            subject = f'a-{number}-{count}'
                            if c.append('INBOX', None, None, message(subject))[0] == 'OK':
                                with lock:
                                    acknowledged['alice'].add(subject)

            def append_three(number):
                count = 0
                while not stop:
                    with contextlib.suppress(OSError, AssertionError):
                        c = Raw(mail, 'alice')
                        while not stop:
                            count += 1
                            subjects = [f'm-{number}-{count}-{i}' for i in range(3)]
                            texts = [message(s) for s in subjects]
                            status, _ = c.say(b'APPEND INBOX' + b''.join(
                                b' {%d+}\r\n%s' % (len(t), t) for t in texts))
                            if not status.startswith('OK'):
                                break
                            with lock:
                                acknowledged['alice'].update(subjects)
            threads = [threading.Thread(target=deliver, args=(n,)) for n in range(3)]
            threads += [threading.Thread(target=append, args=(n,)) for n in range(2)]
            threads += [threading.Thread(target=append_three, args=(0,))]
            for t in threads:
                t.start()
            try:
                for i in range(KILLS):
                    time.sleep(random.uniform(0.01, 0.12))
                    daemon = random.choice(('smtpd', 'imapd'))
                    if i % 10 == 0:
                        mail.kill(daemon)
                        mail.start(daemon)
                    else:
                        for pid in workers_of(mail.processes[daemon]):
                            with contextlib.suppress(ProcessLookupError):
                                os.kill(pid, signal.SIGKILL)
            finally:
                stop.append(True)
                for t in threads:
                    t.join()
            mail.stop_all()
            mail.start_all()
            total = 0
            for name in names:
                found = self.subjects(mail, name)
                self.assertEqual(acknowledged[name] - set(found), set(), 'lost')
                self.assertEqual([s for s, n in found.items() if n > 1], [], 'twice')
                total += len(acknowledged[name])
                groups = collections.Counter(
                    s.rsplit('-', 1)[0] for s in found if s.startswith('m-'))
                self.assertEqual([g for g, n in groups.items() if n != 3], [], 'in part')
            print(f'{total} acknowledged over {KILLS} kills', flush=True)
            self.assertGreater(total, KILLS)
            self.assertIn('0 problems', mail.ctl('store', 'check'))

    @unittest.skipUnless(os.geteuid() == 0, 'needs root for a small file system')
    def test_full_disk_is_temporary_and_heals(self):
        mail = Instance(accounts=('alice',), settings='store:\n  ballast_mb: 4\n')
        os.makedirs(mail.state)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=48m', 'vectis-test', mail.state],
                       check=True)
        try:
            with mail:
                kept, refused = 0, None
                big = message('big', ('z' * 76 + '\r\n') * 13000)
                for _ in range(100):
                    try:
                        mail.deliver(big)
                        kept += 1
                    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as e:
                        refused = e
                        break
                self.assertIsNotNone(refused)
                code = getattr(refused, 'smtp_code', None) or next(
                    iter(refused.recipients.values()))[0]
                self.assertIn(code, (451, 452))
                c = mail.imap()
                self.assertEqual(c.select()[1], [str(kept).encode()])
                self.assertEqual(c.append('INBOX', None, None, big)[0], 'NO')
                self.assertEqual(c.store('1', '+FLAGS', r'(\Deleted)')[0], 'OK')
                self.assertEqual(c.expunge()[0], 'OK')
                self.assertEqual(len(c.fetch('1', 'BODY.PEEK[]')[1][0][1]) > len(big), True)
                c.logout()
                subprocess.run(['mount', '-o', 'remount,size=200m', mail.state], check=True)
                until = time.monotonic() + 30
                while True:
                    try:
                        mail.deliver(big)
                        break
                    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused):
                        self.assertLess(time.monotonic(), until)
                        time.sleep(0.5)
                self.assertIn('0 problems', mail.ctl('store', 'check'))
        finally:
            subprocess.run(['umount', '-l', mail.state], check=False)


if __name__ == '__main__':
    harness.main('__main__')
