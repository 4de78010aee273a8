"""What gets a mail server back on its feet: a backup put in the store's place, and a repair,
even one that was killed."""
import os
import random
import shutil
import signal
import smtplib
import subprocess
import threading
import time
import unittest

import harness
from instance import Instance, message

KILLS = int(os.environ.get('VX_REPAIR_KILLS', '15'))


def subjects(mail, name='alice'):
    c = mail.imap(name)
    count = int(c.select('INBOX', readonly=True)[1][0])
    data = c.fetch('1:*', '(BODY.PEEK[HEADER.FIELDS (SUBJECT)])')[1] if count else []
    c.logout()
    return sorted(d[1].decode().split(':', 1)[1].strip() for d in data if isinstance(d, tuple))


class Load:
    """Delivers all the time; accepted: the subjects of what was answered with 250."""

    def __init__(self, mail):
        self.mail, self.accepted, self.stop = mail, [], False
        self.thread = threading.Thread(target=self.run)

    def run(self):
        with self.mail.smtp() as c:
            while not self.stop:
                subject = f'm-{len(self.accepted)}'
                body = 'y' * random.choice((10, 900, 70000))
                try:
                    c.sendmail('x@example.net', ['alice@example.test'],
                               message(subject, body + '\r\n'))
                except smtplib.SMTPException:
                    continue
                self.accepted.append(subject)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        self.thread.join()

    def wait_for(self, count):
        until = time.monotonic() + 60
        while len(self.accepted) < count and time.monotonic() < until:
            time.sleep(0.01)


class Restore(unittest.TestCase):
    def test_a_backup_made_under_load_is_a_whole_store(self):
        with Instance(accounts=('alice',), settings='store:\n  volume_mb: 16\n') as mail:
            backup = os.path.join(mail.folder, 'backup')
            with Load(mail) as load:
                for wanted in (60, 300):  # the second time onto the first
                    load.wait_for(wanted)
                    before = list(load.accepted)
                    mail.ctl('store', 'backup', backup)
                    load.wait_for(len(load.accepted) + 20)
            mail.stop_all()
            os.rename(mail.state, mail.state + '.lost')
            shutil.copytree(backup, mail.state)
            shutil.copytree(mail.state + '.lost/certs', mail.state + '/certs')
            self.assertIn('0 problems', mail.ctl('store', 'check'))
            mail.start_all()
            found = subjects(mail)
            self.assertEqual(set(before) - set(found), set(), 'lost')
            self.assertEqual(len(set(found)), len(found), 'twice')
            self.assertLessEqual(set(found), set(load.accepted))
            mail.deliver(message('after'))  # and it goes on
            self.assertEqual(len(subjects(mail)), len(found) + 1)
            self.assertIn('0 problems', mail.ctl('store', 'check'))

    def test_a_repair_that_is_killed_can_be_done_again(self):
        with Instance(accounts=('alice',)) as mail:
            with Load(mail) as load:
                load.wait_for(300)
            want = subjects(mail)
            mail.stop_all()
            command = [os.path.join(mail.build, 'vectisctl', 'vectisctl'), '-c', mail.config,
                       'store', 'repair']
            started = time.monotonic()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            length = time.monotonic() - started
            killed = 0
            for _ in range(KILLS):
                p = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
                time.sleep(random.uniform(0, length))
                p.send_signal(signal.SIGKILL)
                killed += p.wait() != 0
            self.assertGreater(killed, 0)
            path = os.path.join(mail.state, 'state.mdb')
            with open(path, 'r+b') as f:  # a page in the middle
                f.seek(os.path.getsize(path) // 8192 * 4096)
                f.write(os.urandom(4096))
            p = subprocess.Popen(command)
            time.sleep(length / 2)
            p.send_signal(signal.SIGKILL)
            p.wait()
            said = mail.ctl('store', 'repair')
            self.assertIn('0 problems', mail.ctl('store', 'check'), said)
            mail.start_all()
            found = subjects(mail)
            self.assertLessEqual(set(found), set(want))
            self.assertGreater(len(found), len(want) / 2, said)

    def test_a_state_of_which_nothing_can_be_read_is_said_once(self):
        with Instance(accounts=('alice',), daemons=()) as mail:
            with open(os.path.join(mail.state, 'state.mdb'), 'r+b') as f:
                f.write(os.urandom(8192))  # what leads to all others
            done = subprocess.run([os.path.join(mail.build, 'vectisctl', 'vectisctl'), '-c',
                                   mail.config, 'store', 'repair'], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, universal_newlines=True, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn('restore a backup', done.stdout)
            self.assertLessEqual(len(done.stdout.splitlines()), 3, done.stdout)


if __name__ == '__main__':
    harness.main('__main__')
