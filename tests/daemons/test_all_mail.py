"""All Mail (MB-21) with real daemons: made, filled, kept, killed under load, dropped."""
import os
import random
import re
import threading
import time
import unittest

import harness
from instance import DOMAIN, Instance, message
from test_imap import Raw

ON, OFF = ('imap:\n  all_mail: yes\n', 'imap:\n  all_mail: no\n')


def subjects(client, mailbox):
    """What a mailbox has, in no order: subjects and flags."""
    if not client.say(f'EXAMINE "{mailbox}"')[0].startswith('OK'):
        return None
    said = client.say('UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])')[1]
    return sorted((m[2].decode(), ' '.join(sorted(m[1].decode().split())))
                  for m in (re.search(rb'FLAGS \(([^)]*)\).*Subject: (\S*)', s, re.S)
                            for s in said) if m)


class AllMail(unittest.TestCase):
    def wait(self, what, seconds=30):
        until = time.monotonic() + seconds
        while True:
            got = what()
            if got:
                return got
            self.assertLess(time.monotonic(), until)
            time.sleep(0.1)

    def compare(self, client, others):
        want = sorted(sum((subjects(client, name) for name in others), []))
        self.assertEqual(subjects(client, 'All Mail'), want)
        return want

    def test_from_the_first_start_to_the_last(self):
        with Instance(daemons=('smtpd', 'imapd'), settings=OFF) as mail:
            for i in range(30):
                mail.deliver(message(f'before-{i}'))
            c, other = Raw(mail, 'alice'), Raw(mail, 'alice')
            c.say('SELECT INBOX')
            c.say('MOVE 1:10 Archive')
            c.say('STORE 1:5 +FLAGS (\\Flagged Later)')
            self.assertIsNone(subjects(c, 'All Mail'))
            # switched on: filled with what there is
            mail.settings = ON
            mail.write_config()
            mail.kill('imapd')
            mail.start('imapd')
            mail.wait_ready()
            c, other = Raw(mail, 'alice'), Raw(mail, 'alice')
            self.wait(lambda: len(subjects(c, 'All Mail') or []) == 30)
            self.compare(c, ('INBOX', 'Archive'))
            # a delivery is told of in IDLE, and found at once
            c.say('SELECT "All Mail"')
            c.send('i IDLE\r\n')
            self.assertTrue(c.response().startswith(b'+'))
            begin = time.monotonic()
            mail.deliver(message('needle', 'a word: hippocampus\r\n'))
            self.assertEqual(c.response(), b'* 31 EXISTS\r\n')
            self.assertLess(time.monotonic() - begin, 2)
            c.send('DONE\r\n')
            c.until('i')
            self.assertEqual(c.say('SEARCH TEXT hippocampus')[1], [b'* SEARCH 31\r\n'])
            # flags both ways
            c.say('STORE 31 +FLAGS (\\Answered $Label)')
            other.say('SELECT INBOX')
            found = b''.join(other.say('UID SEARCH ANSWERED KEYWORD $Label')[1])
            self.assertRegex(found, rb'SEARCH 31\r\n')
            other.say('UID STORE 31 -FLAGS (\\Answered)')
            self.assertIn(b'* SEARCH\r\n', c.say('SEARCH ANSWERED')[1])
            self.compare(c, ('INBOX', 'Archive'))
            # a new account has one at once; an export has each message once
            mail.ctl_with_password('mailbox', 'add', f'new@{DOMAIN}')
            n = Raw(mail, 'new')
            self.assertEqual(subjects(n, 'All Mail'), [])
            folder = os.path.join(mail.folder, 'out')
            mail.ctl('mailbox', 'export', f'alice@{DOMAIN}', folder)
            self.assertEqual(sum(len(files) for path, _, files in os.walk(folder)
                                 if os.path.basename(path) in ('cur', 'new')), 31)
            self.assertIn('0 problems', mail.ctl('store', 'check'))
            # switched off
            mail.settings = OFF
            mail.write_config()
            mail.kill('imapd')
            mail.start('imapd')
            mail.wait_ready()
            c = Raw(mail, 'alice')
            self.wait(lambda: subjects(c, 'All Mail') is None)
            self.assertEqual(len(subjects(c, 'INBOX')) + len(subjects(c, 'Archive')), 31)
            self.wait(lambda: '0 problems' in mail.ctl('store', 'check'))

    def test_killed_under_load(self):
        """Whenever the daemons die, All Mail has what the others have."""
        chance = random.Random(5)
        with Instance(daemons=('smtpd', 'imapd'), settings=ON) as mail:
            c = Raw(mail, 'alice')
            self.wait(lambda: subjects(c, 'All Mail') is not None)
            stop = threading.Event()

            def load(n):
                dice = random.Random(n)
                while not stop.is_set():
                    try:
                        k = Raw(mail, 'alice')
                        k.say('SELECT ' + dice.choice(('INBOX', 'Archive', '"All Mail"')))
                        for i in range(30):
                            k.say(dice.choice((
                                f'STORE {dice.randrange(1, 20)} +FLAGS (\\Seen)',
                                f'STORE {dice.randrange(1, 20)} -FLAGS (\\Seen)',
                                f'MOVE {dice.randrange(1, 9)} Archive',
                                f'COPY {dice.randrange(1, 9)} INBOX',
                                f'MOVE {dice.randrange(1, 9)} INBOX',
                                f'STORE {dice.randrange(1, 40)} +FLAGS (\\Deleted)',
                                'EXPUNGE')))
                            mail.deliver(message(f'm-{n}-{i}'))
                        k.close()
                    except (OSError, AssertionError, ValueError):
                        time.sleep(0.02)
                    except Exception:  # pylint: disable=broad-except; SMTP's own errors
                        time.sleep(0.02)

            threads = [threading.Thread(target=load, args=(n,)) for n in range(3)]
            for t in threads:
                t.start()
            for _ in range(8):
                time.sleep(chance.random())
                for name in ('smtpd', 'imapd'):
                    mail.kill(name)
                    mail.start(name)
                mail.wait_ready()
            stop.set()
            for t in threads:
                t.join()
            c = Raw(mail, 'alice')
            self.assertGreater(len(self.compare(c, ('INBOX', 'Archive'))), 10)
            self.assertIn('0 problems', mail.ctl('store', 'check'))


if __name__ == '__main__':
    harness.main('__main__')
