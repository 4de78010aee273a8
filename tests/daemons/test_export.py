"""Exports are read back by Python's mailbox module; bad targets are named."""
import contextlib
import mailbox
import os
import subprocess
import unittest

import harness
from instance import DOMAIN, Instance, message

# "From " at the edge of every piece that an exporter may cut a message into.
EDGES = ''.join('a' * (63 - n % 7) + '\r\nFrom here\r\n>From there\r\n>>From afar\r\nFro\r\n'
                for n in range(4000))


class Export(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mail = Instance(accounts=('alice',))
        cls.mail.__enter__()
        c = cls.mail.imap()
        c.append('INBOX', r'(\Seen \Flagged Work)', None, message('edges', EDGES))
        c.append('INBOX', r'(\Answered)', '"01-Feb-2003 04:05:06 +0000"',
                 message('open end', 'no line end'))
        for name in ('a.b', 'a_b', 'a-b', 'a/b'):
            c.create(name)
            c.append(name, None, None, message(f'in {name}'))
        c.create('x' * 300)
        c.append('x' * 300, None, None, message('long'))
        c.logout()

    @classmethod
    def tearDownClass(cls):
        cls.mail.__exit__(None, None, None)

    def export(self, name, *options):
        to = os.path.join(self.mail.folder, name)
        self.mail.ctl('mailbox', 'export', f'alice@{DOMAIN}', to, *options)
        return to

    def test_mbox(self):
        folder = self.export('mbox', '--format', 'mbox')
        box = mailbox.mbox(os.path.join(folder, 'INBOX.mbox'), create=False)
        self.assertEqual([m['Subject'] for m in box], ['edges', 'open end'])
        self.assertEqual(box[0].get_flags(), 'ROF')
        self.assertEqual(box[0]['X-Keywords'], 'Work')
        self.assertEqual(box[1].get_flags(), 'OA')
        text = box[0].get_payload().replace('\n', '\r\n')
        for a, b in (('\r\n>From here', '\r\nFrom here'), ('\r\n>>From there', '\r\n>From there'),
                     ('\r\n>>>From afar', '\r\n>>From afar')):
            self.assertEqual(text.count(a), 4000)
            text = text.replace(a, b)
        self.assertEqual(text.rstrip(), EDGES.rstrip())
        subjects = sorted(m['Subject'] for f in os.listdir(folder) if not f.startswith('INBOX')
                          for m in mailbox.mbox(os.path.join(folder, f), create=False))
        self.assertEqual(subjects, ['in a-b', 'in a.b', 'in a/b', 'in a_b', 'long'])

    def test_maildir(self):
        folder = self.export('maildir')
        box = mailbox.Maildir(folder, create=False)
        found = {m['Subject']: m for m in box}
        self.assertEqual(set(found), {'edges', 'open end'})
        self.assertEqual(found['edges'].get_flags(), 'FSa')
        self.assertEqual(found['open end'].get_flags(), 'R')
        self.assertEqual(int(found['open end'].get_date()), 1044072306)
        self.assertEqual(found['edges'].get_payload().replace('\n', '\r\n').rstrip(),
                         EDGES.rstrip())
        with open(os.path.join(folder, 'dovecot-keywords'), encoding='ascii') as f:
            self.assertEqual(f.read(), '0 Work\n')
        subjects = sorted(m['Subject'] for name in box.list_folders()
                          for m in box.get_folder(name))
        self.assertEqual(subjects, ['in a-b', 'in a.b', 'in a/b', 'in a_b', 'long'])

    def refused(self, *args):
        done = subprocess.run([os.path.join(self.mail.build, 'vectisctl', 'vectisctl'), '-c',
                               self.mail.config, *args], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True, check=False)
        self.assertEqual(done.returncode in (1, 2), True, done.stdout)
        return done.stdout

    def test_bad_targets_are_named(self):
        there = os.path.join(self.mail.folder, 'there')
        os.makedirs(there)
        who = f'alice@{DOMAIN}'
        self.assertIn('must not be there', self.refused('mailbox', 'export', who, there))
        self.assertIn('maildir or mbox', self.refused(
            'mailbox', 'export', who, there + '2', '--format', 'zip'))
        self.assertIn('no mailbox', self.refused('mailbox', 'export', f'nobody@{DOMAIN}',
                                                 there + '3'))
        self.assertIn('is the store itself', self.refused('store', 'backup', self.mail.state))
        self.assertRegex(self.refused('store', 'repair'), r'in use.*these use it: .*[a-z]d \(\d+\)')

    @unittest.skipUnless(os.geteuid() == 0, 'needs root for a small file system')
    def test_full_disk_is_named(self):
        small = os.path.join(self.mail.folder, 'small')
        os.makedirs(small)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=128k', 'vectis-test', small],
                       check=True)
        try:
            for verb in (('mailbox', 'export', f'alice@{DOMAIN}', small + '/e'),
                         ('mailbox', 'export', f'alice@{DOMAIN}', small + '/m', '--format',
                          'mbox'), ('store', 'backup', small + '/b')):
                self.assertIn('No space left', self.refused(*verb))
                with contextlib.suppress(OSError):
                    os.unlink(small + '/b/state.new')
        finally:
            subprocess.run(['umount', '-l', small], check=False)


if __name__ == '__main__':
    harness.main('__main__')
