"""Sharing, METADATA and quotas with Python's imaplib against real daemons."""
import imaplib
import time
import unittest

import harness
from instance import DOMAIN, Instance, message

for name, states in (('GETMETADATA', ('AUTH', 'SELECTED')), ('SETMETADATA', ('AUTH', 'SELECTED'))):
    imaplib.Commands[name] = states


class Sharing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mail = Instance(accounts=('alice', 'bob', 'carol', 'dave')).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.mail.__exit__(None, None, None)

    def ok(self, answer):
        self.assertEqual(answer[0], 'OK', answer)
        return answer[1]

    def test_a_shared_folder(self):
        alice, bob = self.mail.imap('alice'), self.mail.imap('bob')
        there = f'"Other Users/alice@{DOMAIN}/Team"'
        self.ok(alice.create('Team'))
        self.ok(alice.append('Team', None, None, message('one', 'text')))
        self.assertEqual(bob.myrights(there)[0], 'NO')
        self.ok(alice.setacl('Team', f'bob@{DOMAIN}', 'lrsi'))
        self.assertIn(f'bob@{DOMAIN}'.encode(), self.ok(alice.getacl('Team'))[0])
        self.assertIn(b'lrsi', self.ok(bob.myrights(there))[0])
        self.assertIn(there.encode(), b'\n'.join(self.ok(bob.list())))
        self.assertEqual(self.ok(bob.select(there)), [b'1'])
        # what bob files there, alice sees at once, and the other way round
        self.ok(bob.append(there, None, None, message('two', 'text')))
        self.assertEqual(self.ok(alice.select('Team')), [b'2'])
        self.ok(alice.append('Team', None, None, message('three', 'text')))
        for _ in range(100):
            self.ok(bob.noop())
            if bob.response('EXISTS')[1][-1] == b'3':
                break
            time.sleep(0.05)
        self.assertEqual(self.ok(bob.search(None, 'ALL')), [b'1 2 3'])
        self.ok(bob.copy('1', 'INBOX'))
        # what is not shared any more is not there any more
        self.ok(alice.deleteacl('Team', f'bob@{DOMAIN}'))
        with self.assertRaises(imaplib.IMAP4.abort):
            bob.search(None, 'ALL')
            bob.noop()
        bob = self.mail.imap('bob')
        self.assertEqual(bob.select(there)[0], 'NO')

    def test_metadata(self):
        c = self.mail.imap('carol')
        self.ok(c._simple_command('SETMETADATA', 'INBOX', '(/private/comment "mine")'))
        self.ok(c._simple_command('GETMETADATA', 'INBOX', '/private/comment'))
        self.assertIn(b'mine', c.response('METADATA')[1][0])

    def test_what_the_server_says(self):
        c = self.mail.imap('carol')
        self.mail.ctl('metadata', 'set', '/shared/admin', 'mailto:admin@example.test')
        self.assertIn('mailto:admin', self.mail.ctl('metadata', 'list'))
        self.ok(c._simple_command('GETMETADATA', '""', '/shared/admin'))
        self.assertIn(b'mailto:admin@example.test', c.response('METADATA')[1][0])
        self.mail.ctl('metadata', 'remove', '/shared/admin')
        self.ok(c._simple_command('GETMETADATA', '""', '/shared/admin'))
        self.assertIn(b'NIL', c.response('METADATA')[1][0])
        with self.assertRaises(RuntimeError):
            self.mail.ctl('metadata', 'set', '/private/admin', 'x')

    def test_quota_and_its_notice(self):
        self.mail.ctl('mailbox', 'set', f'dave@{DOMAIN}', '--quota', '1')
        c = self.mail.imap('dave')
        big = message('big', ('x' * 76 + '\r\n') * 5500)
        self.ok(c.append('INBOX', None, None, big))
        roots, quotas = self.ok(c.getquotaroot('INBOX'))
        self.assertRegex(quotas[0], rb'"" \(STORAGE 4\d\d 1024\)')
        self.ok(c.append('INBOX', None, None, big))
        for _ in range(100):
            if self.ok(c.select('INBOX')) == [b'3']:
                break
            time.sleep(0.05)
        text = self.ok(c.fetch('3', '(BODY.PEEK[])'))[0][1]
        self.assertIn(b'Subject: Your mailbox is 80 % full\r\n', text)
        typ, why = c.append('INBOX', None, None, big)
        self.assertEqual(typ, 'NO')
        self.assertIn(b'[OVERQUOTA]', why[0])


class NotShared(unittest.TestCase):
    def test_without_sharing(self):
        with Instance(settings='imap:\n  sharing: no\n', daemons=('imapd',)) as mail:
            c = mail.imap('alice')
            words = c.capability()[1][0].split()
            self.assertNotIn(b'ACL', words)
            self.assertNotIn(b'LIST-MYRIGHTS', words)
            self.assertIn(b'METADATA', words)
            self.assertEqual(c.namespace()[1], [b'(("" "/")) NIL NIL'])
            with self.assertRaises(imaplib.IMAP4.error):
                c.setacl('INBOX', f'bob@{DOMAIN}', 'lr')


if __name__ == '__main__':
    harness.main(__name__)
