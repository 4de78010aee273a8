"""SEARCH with the index gives what SEARCH without it gives, whatever happens to the index."""
import imaplib
import json
import os
import random
import signal
import time
import unittest

import harness
from instance import Instance

WORDS = ('invoice', 'Invoice-2026', 'Grüße', 'straße', 'Köln', 'naïve', 'Καλημέρα', 'ΚΌΣΜΟΣ',
         'Привет', 'мир', 'שלום', 'مرحبا', 'สวัสดีครับ', '你好世界', '中文邮件搜索', '日本語のメール', 'が',
         '한국어', '😀', '👨‍👩‍👧', 'alice@example.org', 'e-mail', 'x', '3.14', '->', 'well-known')
PROGRAMS = [f'{key} "{needle}"' for key in ('BODY', 'TEXT', 'SUBJECT', 'FROM', 'HEADER X-Note')
            for needle in ('invoice', 'voice', 'INVOICE-20', 'grüße', 'ü', 'köln', 'λημέ', 'κόσμ',
                           'ПРИВ', 'ми', 'שלו', 'حبا', 'สดี', '世界', '件', '邮件搜', 'メール', 'か',
                           '한국', '국', '😀', '👩', 'example.org', '@', 'e-mail well', 'x', '.1',
                           ' ', 'nowhere', 'nr7', '-> ', 'a b', '')]
PROGRAMS += ['NOT TEXT invoice', 'OR BODY invoice SUBJECT köln', 'SEEN BODY invoice',
             '(BODY grüße TEXT мир) NOT FROM x', '1:20 BODY x', 'UID 5:* TEXT "3.14"']
MESSAGES = 100
random.Random(5).shuffle(PROGRAMS)
PROGRAMS = PROGRAMS[:60] + ['BODY "invoice"', 'TEXT "κόσμ"', 'TEXT ""', 'TEXT "nowhere"']


def mail_of(number, rand):
    words = ' '.join(rand.choice(WORDS) for _ in range(rand.randrange(4, 30)))
    kind = rand.choice(('plain', 'html'))
    body = words if kind == 'plain' else f'<p>{words}<br>&uuml;<b>x</b></p>'
    return (f'From: {rand.choice(WORDS)} <x{number}@example.org>\r\n'
            f'Subject: nr{number} {rand.choice(WORDS)} {rand.choice(WORDS)}\r\n'
            f'X-Note: {rand.choice(WORDS)}\r\n'
            f'Content-Type: text/{kind}; charset=utf-8\r\n\r\n{body}\r\n').encode()


class Search(unittest.TestCase):
    def connect(self, mail):
        c = mail.imap()
        c._encoding = 'utf-8'
        return c

    def restart(self, mail, prepare=None):
        """kill -9; workers that were killed may take a moment to be gone from the port."""
        mail.kill('imapd')
        until = time.monotonic() + 30
        while mail.answers('imaps'):
            self.assertLess(time.monotonic(), until)
            time.sleep(0.05)
        if prepare:
            prepare()
        mail.start('imapd')
        mail.wait_ready()

    def answers(self, c):
        found = {}
        for program in PROGRAMS:
            kind, data = c.uid('SEARCH', 'CHARSET', 'UTF-8', program.encode())
            self.assertEqual(kind, 'OK', (program, data))
            found[program] = sorted(int(n) for n in (data[0] or b'').split())
        return found

    def compare(self, mail, want, when):
        c = self.connect(mail)
        c.select('INBOX')
        got = self.answers(c)
        c.logout()
        for program in PROGRAMS:
            self.assertEqual(got[program], want[program], (program, when))

    def status(self, mail):
        return json.loads(mail.ctl('--json', 'search', 'status'))

    def wait_built(self, mail, messages):
        until = time.monotonic() + 60
        while True:
            st = self.status(mail)
            if st['present'] and st['pending'] == 0 and st['messages'] >= messages:
                return st
            self.assertLess(time.monotonic(), until, st)
            time.sleep(0.1)

    def switch(self, mail, word):
        mail.settings = f'search:\n  index: {word}\n'
        mail.write_config()
        if 'imapd' in mail.processes:
            mail.processes['imapd'].send_signal(signal.SIGTERM)
            mail.processes.pop('imapd').wait(20)
        mail.start('imapd')
        mail.wait_ready()

    def fill(self, mail, first, count, rand):
        c = self.connect(mail)
        for number in range(first, first + count):
            self.assertEqual(c.append('INBOX', '', None, mail_of(number, rand))[0], 'OK')
        c.logout()

    def test_same_answers_whatever_happens(self):
        rand = random.Random(11)
        with Instance(accounts=('alice',), daemons=('imapd',), pop3=False,
                      settings='search:\n  index: no\n') as mail:
            path = os.path.join(mail.state, 'search.mdb')
            self.fill(mail, 1, MESSAGES, rand)
            c = self.connect(mail)
            c.select('INBOX')
            c.store('1:40', '+FLAGS.SILENT', '(\\Seen)')
            want = self.answers(c)
            c.logout()
            self.assertFalse(os.path.exists(path))
            self.assertGreater(len(want['BODY "invoice"']), 10)
            self.assertGreater(len(want['TEXT "κόσμ"']), 1)
            self.assertEqual(len(want['TEXT ""']), MESSAGES)
            self.assertFalse(self.status(mail)['present'])

            self.switch(mail, 'yes')
            self.compare(mail, want, 'being built')
            self.wait_built(mail, MESSAGES)
            self.compare(mail, want, 'built')

            mail.ctl('search', 'rebuild')
            self.compare(mail, want, 'deleted')
            self.wait_built(mail, MESSAGES)
            self.compare(mail, want, 'built anew')

            self.restart(mail)
            self.compare(mail, want, 'killed')
            self.wait_built(mail, MESSAGES)

            self.damage(mail, want, path, rand)

            self.switch(mail, 'no')
            self.compare(mail, want, 'off')
            self.assertFalse(os.path.exists(path))

    def damage(self, mail, want, path, rand):
        """Any octets of the file: a worker may die of it, but not for long."""
        def overwrite():
            size = os.path.getsize(path)
            with open(path, 'r+b') as f:
                for _ in range(40):
                    f.seek(rand.randrange(8192, size))
                    f.write(bytes([rand.randrange(256)]))

        for _ in range(2):
            self.wait_built(mail, MESSAGES)
            self.restart(mail, overwrite)
            until = time.monotonic() + 60
            while True:
                try:
                    self.compare(mail, want, 'damaged')
                    break
                except (OSError, imaplib.IMAP4.abort):
                    self.assertLess(time.monotonic(), until)
                    time.sleep(0.2)

    def test_kill_9_while_it_is_built(self):
        rand = random.Random(12)
        with Instance(accounts=('alice',), daemons=('imapd',), pop3=False) as mail:
            for turn in range(4):
                self.fill(mail, 1 + turn * 60, 60, rand)
                time.sleep(rand.random() * 0.3)
                self.restart(mail)
            self.wait_built(mail, 240)
            c = self.connect(mail)
            c.select('INBOX')
            indexed = self.answers(c)
            c.logout()
            self.switch(mail, 'no')
            self.compare(mail, indexed, 'off')


if __name__ == '__main__':
    harness.main(__name__)
