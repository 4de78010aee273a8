"""Mail programs that keep two sides the same, or fetch: interimap, OfflineIMAP, getmail,
neomutt.  Each works twice, and the second time has nothing to do."""
import os
import shutil
import subprocess
import tempfile
import unittest

import harness
from instance import DOMAIN, PASSWORD, Instance, message, run

FOLDERS = ('Gr&APwA3w-e', 'R&-D', 'top/below')  # as IMAP has them


def needs(program):
    return unittest.skipUnless(shutil.which(program), f'{program} is not installed')


class MoreClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mail = Instance(accounts=('alice', 'bob', 'carol', 'dave', 'erin'))
        cls.mail.__enter__()
        cls.environment = dict(os.environ, HOME=cls.mail.folder,
                               SSL_CERT_FILE=cls.mail.ca.cert)

    @classmethod
    def tearDownClass(cls):
        cls.mail.__exit__(None, None, None)

    def file(self, name, text):
        path = os.path.join(self.mail.folder, name)
        with open(path, 'w') as f:
            f.write(text)
        os.chmod(path, 0o600)
        return path

    def filled(self, name):
        """An account with folders and messages."""
        c = self.mail.imap(name)
        for folder in FOLDERS:
            c.create(f'"{folder}"')
            c.subscribe(f'"{folder}"')
            for i in range(3):
                c.append(f'"{folder}"', r'(\Seen)' if i == 1 else None, None,
                         message(f'{len(folder)}-{i}'))
        for i in range(20):
            c.append('INBOX', None, None, message(f'in-{i}', 'x' * i + '\r\n'))
        return c

    @staticmethod
    def contents(c, folder):
        """Flags and octets of all messages of a folder, in no order."""
        assert c.select(f'"{folder}"', readonly=True)[0] == 'OK', folder
        _, data = c.fetch('1:*', '(FLAGS BODY.PEEK[])')
        return sorted((d[1], sorted(d[0].split(b'FLAGS (')[1].split(b')')[0].split()))
                      for d in data if isinstance(d, tuple))

    @needs('interimap')
    def test_interimap_keeps_two_accounts_the_same(self):
        a, b = self.filled('alice'), self.mail.imap('bob')
        side = f'''type = imaps
host = localhost
port = {self.mail.ports['imaps']}
password = {PASSWORD}
SSL_CAfile = {self.mail.ca.cert}
'''
        rc = self.file('interimap.conf', f'''database = {self.mail.folder}/interimap.db
list-mailbox = "*"
[local]
{side}username = alice@{DOMAIN}
[remote]
{side}username = bob@{DOMAIN}
''')

        def sync():
            return run('interimap', '--quiet', f'--config={rc}', env=self.environment,
                       timeout=120)

        def same():
            for folder in ('INBOX', *FOLDERS):
                left, right = self.contents(a, folder), self.contents(b, folder)
                self.assertEqual(left, right, folder)
            return len(left)

        sync()
        self.assertEqual(same(), 3)
        a.select('INBOX')
        b.select('INBOX')
        a.store('1:5', '+FLAGS', r'(\Flagged work)')
        b.store('6:8', '+FLAGS', r'(\Seen)')
        a.store('9', '+FLAGS', r'(\Deleted)')
        a.expunge()
        b.store('12', '+FLAGS', r'(\Deleted)')
        b.expunge()
        a.append('"R&-D"', r'(\Draft)', None, message('from alice'))
        b.append('"R&-D"', r'(\Answered)', None, message('from bob'))
        b.append('INBOX', None, None, message('to both'))
        sync()
        same()
        self.assertEqual(len(self.contents(a, 'INBOX')), 19)
        self.assertEqual(len(self.contents(a, 'R&-D')), 5)
        before = [self.mail.imap('alice').status(f'"{f}"', '(HIGHESTMODSEQ UIDNEXT)')
                  for f in ('INBOX', *FOLDERS)]
        sync()
        self.assertEqual([self.mail.imap('alice').status(f'"{f}"', '(HIGHESTMODSEQ UIDNEXT)')
                          for f in ('INBOX', *FOLDERS)], before)

    @needs('offlineimap')
    def test_offlineimap_both_ways(self):
        c = self.filled('carol')
        near = os.path.join(self.mail.folder, 'oi')
        rc = self.file('offlineimaprc', f'''[general]
accounts = t
metadata = {self.mail.folder}/oimeta
ui = basic
[Account t]
localrepository = l
remoterepository = f
[Repository l]
type = Maildir
localfolders = {near}
[Repository f]
type = IMAP
remotehost = localhost
remoteport = {self.mail.ports['imaps']}
remoteuser = carol@{DOMAIN}
remotepass = {PASSWORD}
ssl = yes
sslcacertfile = {self.mail.ca.cert}
usecompression = yes
''')

        def sync():
            return run('offlineimap', '-c', rc, '-o', env=self.environment, timeout=120)

        def near_count(folder):
            return sum(len(os.listdir(os.path.join(near, folder, part)))
                       for part in ('cur', 'new'))

        sync()
        self.assertEqual(near_count('INBOX'), 20)
        names = os.listdir(near)
        self.assertIn('top.below', names)
        with open(os.path.join(near, 'INBOX', 'new', 'own'), 'wb') as f:
            f.write(message('from near').replace(b'\r\n', b'\n'))
        c.select('INBOX')
        c.store('1:3', '+FLAGS', r'(\Deleted)')
        c.expunge()
        c.store('1', '+FLAGS', r'(\Flagged)')
        sync()
        self.assertEqual(near_count('INBOX'), 18)
        self.assertIn(b'from near', b''.join(m for m, _ in self.contents(c, 'INBOX')))

        def state():
            return (c.status('INBOX', '(HIGHESTMODSEQ UIDNEXT)'),
                    sorted(n for part in ('cur', 'new')
                           for n in os.listdir(os.path.join(near, 'INBOX', part))))

        before = state()
        self.assertEqual(sum('F' in n.rsplit(':2,', 1)[-1] for n in before[1]), 1, before)
        sync()
        self.assertEqual(state(), before)

    @needs('getmail')
    def test_getmail_by_imap_and_pop3(self):
        c = self.filled('dave')
        for kind, port, name in (('IMAP', 'imaps', 'gi'), ('POP3', 'pop3s', 'gp')):
            folder = tempfile.mkdtemp(prefix='vectis-getmail-')  # not root delivers to it
            self.addCleanup(shutil.rmtree, folder)
            for part in ('', 'cur', 'new', 'tmp'):
                os.makedirs(os.path.join(folder, part), exist_ok=True)
                os.chmod(os.path.join(folder, part), 0o777)
            self.file(f'{name}rc', f'''[retriever]
type = Simple{kind}SSLRetriever
server = localhost
port = {self.mail.ports[port]}
username = dave@{DOMAIN}
password = {PASSWORD}
ca_certs = {self.mail.ca.cert}
[destination]
type = Maildir
path = {folder}/
{"user = nobody" if os.geteuid() == 0 else ""}
[options]
delete = false
read_all = false
''')
            for _ in range(2):  # what was fetched is not fetched again
                run('getmail', f'--getmaildir={self.mail.folder}', f'--rcfile={name}rc',
                    env=self.environment, timeout=60)
                self.assertEqual(len(os.listdir(os.path.join(folder, 'new'))), 20, kind)
            bodies = [open(os.path.join(folder, 'new', n), 'rb').read()
                      for n in os.listdir(os.path.join(folder, 'new'))]
            for octets, _ in self.contents(c, 'INBOX'):
                text = octets.replace(b'\r\n', b'\n').split(b'\n\n', 1)[1]
                subject = [x for x in octets.split(b'\r\n') if x.startswith(b'Subject')][0]
                self.assertTrue(any(subject + b'\n' in b and b.endswith(b'\n\n' + text)
                                    for b in bodies), (kind, subject))

    @needs('neomutt')
    def test_neomutt_files_and_expunges(self):
        c = self.filled('erin')
        rc = self.file('neomuttrc', f'''set ssl_force_tls=yes
set certificate_file="{self.mail.ca.cert}"
set ssl_ca_certificates_file="{self.mail.ca.cert}"
set ssl_verify_host=yes
set imap_user="erin@{DOMAIN}" imap_pass="{PASSWORD}"
set imap_condstore=yes imap_qresync=yes
set folder="imaps://localhost:{self.mail.ports['imaps']}/" spoolfile="+INBOX"
set header_cache="{self.mail.folder}/hc"
set move=no quit=yes confirmappend=no delete=yes wait_key=no sort=mailbox-order
''')
        for push in ('<tag-pattern>~s in-1<enter><tag-prefix><copy-message>=Trash<enter><quit>',
                     '<delete-pattern>~s in-2<enter><sync-mailbox><quit>'):
            with open(os.devnull, 'rb') as no:
                p = subprocess.run(
                    ['script', '-qec', f"neomutt -F {rc} -n -e 'push \"{push}\"'", '/dev/null'],
                    stdin=no, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                    env=dict(self.environment, TERM='xterm', LINES='40', COLUMNS='120'),
                    check=False)
            self.assertEqual(p.returncode, 0, p.stdout)
        self.assertEqual(len(self.contents(c, 'Trash')), 11)  # in-1 and in-10 to in-19
        self.assertEqual(len(self.contents(c, 'INBOX')), 19)


if __name__ == '__main__':
    harness.main('__main__')
