"""Mail programs: mbsync both ways, mutt, fetchmail; messages of every kind."""
import email
import os
import re
import subprocess
import time
import unittest

import harness
from instance import DOMAIN, PASSWORD, Instance, message, run

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'data')
SUITES = os.environ.get('VX_SUITES') or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), '..', '..', '..', 'shared', 'suites')
MESSAGES = int(os.environ.get('VX_MBSYNC_MESSAGES', '5000'))


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mail = Instance(accounts=('alice', 'bob', 'carol', 'dave', 'erin'))
        cls.mail.__enter__()
        cls.environment = dict(os.environ, HOME=cls.mail.folder,
                               SSL_CERT_FILE=cls.mail.ca.cert)

    @classmethod
    def tearDownClass(cls):
        cls.mail.__exit__(None, None, None)

    def file(self, name, text, mode=0o600):
        path = os.path.join(self.mail.folder, name)
        with open(path, 'w') as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def mbsync(self, rc):
        return run('mbsync', '-c', rc, '-V', 't', env=self.environment, timeout=300)

    def test_mbsync_keeps_both_sides_the_same(self):
        near = os.path.join(self.mail.folder, 'mbsync')
        inbox = os.path.join(near, 'INBOX')
        os.makedirs(near)
        rc = self.file('mbsyncrc', f'''FSync no

IMAPAccount t
Host localhost
Port {self.mail.ports['imaps']}
User alice@{DOMAIN}
Pass {PASSWORD}
SSLType IMAPS
CertificateFile {self.mail.ca.cert}
AuthMechs PLAIN

IMAPStore far
Account t

MaildirStore near
Path {near}/
Inbox {inbox}
SubFolders Verbatim

Channel t
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
''')
        c = self.mail.imap()
        half = MESSAGES // 2
        for i in range(half):
            c.append('INBOX', r'(\Seen)' if i % 3 == 0 else None, None,
                     message(f'far-{i}', 'x' * (i % 500) + '\r\n'))
        self.mbsync(rc)
        names = os.listdir(inbox + '/cur') + os.listdir(inbox + '/new')
        self.assertEqual(len(names), half)
        for i in range(half):
            with open(f'{inbox}/cur/{i}.near:2,{"S" if i % 2 else ""}', 'wb') as f:
                f.write(message(f'near-{i}').replace(b'\r\n', b'\n'))
        self.mbsync(rc)
        self.assertEqual(c.select('INBOX')[1], [str(2 * half).encode()])
        c.store('1:10', '+FLAGS', r'(\Flagged)')
        c.store('11:20', '+FLAGS', r'(\Deleted)')
        c.expunge()
        self.mbsync(rc)
        before = self.states(inbox), c.uid('FETCH', '1:*', '(FLAGS)')[1]
        self.mbsync(rc)
        c.noop()
        self.assertEqual((self.states(inbox), c.uid('FETCH', '1:*', '(FLAGS)')[1]), before)
        self.assertEqual(len(before[0]), 2 * half - 10)
        self.assertEqual(sum('F' in n.rsplit(',', 1)[-1] for n in before[0]), 10)
        c.logout()

    @staticmethod
    def states(inbox):
        return sorted(os.listdir(inbox + '/cur') + os.listdir(inbox + '/new'))

    def test_mutt_sends_reads_and_files(self):
        p = self.mail.ports
        rc = self.file('muttrc', f'''set ssl_starttls=yes ssl_force_tls=yes
set ssl_ca_certificates_file={self.mail.ca.cert}
set ssl_verify_host=yes
set imap_user=bob@{DOMAIN} imap_pass={PASSWORD}
set folder="imaps://localhost:{p['imaps']}/" spoolfile="+INBOX" record="+Sent"
set smtp_url="smtp://bob@{DOMAIN}@localhost:{p['submission']}/" smtp_pass={PASSWORD}
set smtp_authenticators=plain
set from=bob@{DOMAIN} use_from=yes
set move=no quit=yes confirmappend=no delete=yes wait_key=no
''')
        run('mutt', '-F', rc, '-n', '-s', 'from mutt', f'carol@{DOMAIN}', input='hi\n',
            env=self.environment)
        c = self.mail.imap('carol')
        c.select()
        self.assertNotEqual(c.search(None, 'SUBJECT "from mutt"')[1], [b''])
        c.logout()
        b = self.mail.imap('bob')
        self.assertEqual(b.select('Sent')[1], [b'1'])
        self.mail.deliver(message('tag-me'), to='bob')
        session = f'vx{os.getpid()}'
        run('tmux', '-L', session, 'new-session', '-d', '-x', '100', '-y', '40',
            f'mutt -F {rc} -n -e \'push "<tag-pattern>~s tag-me<enter><tag-prefix>'
            '<copy-message>=Archive<enter>"\'', env=self.environment)
        try:
            for _ in range(100):
                if b.status('Archive', '(MESSAGES)')[1][0].endswith(b'(MESSAGES 1)'):
                    break
                time.sleep(0.1)
            self.assertEqual(b.select('Archive')[1], [b'1'])
        finally:
            subprocess.run(['tmux', '-L', session, 'kill-server'], check=False)
        b.logout()

    def test_fetchmail_by_imap_and_pop3(self):
        for i in range(5):
            self.mail.deliver(message(f'fetch-{i}'), to='dave')
        for protocol, port in (('IMAP', 'imaps'), ('POP3', 'pop3s')):
            out = os.path.join(self.mail.folder, f'out.{protocol}')
            rc = self.file(f'fetchmailrc.{protocol}', f'poll localhost protocol {protocol} port '
                           f'{self.mail.ports[port]} user "dave@{DOMAIN}" password "{PASSWORD}" '
                           f'ssl sslcertck sslcertfile "{self.mail.ca.cert}" keep fetchall '
                           f'mda "cat >> {out}"\n')
            subprocess.run(['fetchmail', '-f', rc, '--nosyslog', '--nodetach', '-i',
                            f'{out}.ids', '--pidfile', f'{out}.pid'], check=True,
                           env=dict(self.environment, FETCHMAILHOME=self.mail.folder),
                           stdout=subprocess.DEVNULL, timeout=60)
            with open(out) as f:
                text = f.read()
            for i in range(5):
                self.assertIn(f'Subject: fetch-{i}', text)

    def test_poplib_gets_no_utf8_in_headers_that_it_did_not_ask_for(self):
        wide = ''.join(f'X-{n}: {"x" * 70}\r\n' for n in range(1000))  # over many pieces
        huge = 'Subject: café\r\n' + wide * 4  # more than is rewritten
        body = 'Grüße\r\n' * 5000
        c = self.mail.imap('erin')
        for header in ('Subject: café\r\n' + wide, huge):
            self.assertEqual(c.append('INBOX', None, None,
                                      (header + '\r\n' + body).encode())[0], 'OK')
        c.logout()
        lines = body.encode().split(b'\r\n')[:-1]
        fields = wide.encode().split(b'\r\n')[:-1]
        p = self.mail.pop3('erin')
        self.assertEqual(p.retr(1)[1],
                         [b'Subject: =?UTF-8?B?Y2Fmw6k=?=', *fields, b'', *lines])
        self.assertEqual(p.retr(2)[1], [b'Subject: caf??', *fields * 4, b'', *lines])
        p.quit()
        # a header that becomes too long when it is written anew blocks no maildrop
        many = ('To: ' + ('ø@x,' * 190 + '\r\n ') * 10 + 'y@x.example\r\n') * 22
        c = self.mail.imap('erin')
        self.assertEqual(c.append('INBOX', None, None, (many + '\r\nlast').encode())[0], 'OK')
        c.logout()
        p = self.mail.pop3('erin')
        got = p.retr(3)[1]
        self.assertTrue(got[0].startswith(b'To: ??@x,??@x,'), got[0][:40])
        self.assertEqual(got[-2:], [b'', b'last'])
        p.quit()
        p = self.mail.pop3(None)
        p.utf8()
        p.user(f'erin@{DOMAIN}')
        p.pass_(PASSWORD)
        self.assertEqual(p.retr(1)[1], ['Subject: café'.encode(), *fields, b'', *lines])
        p.quit()

    def there_and_back(self, c, path):
        """In by SMTP, out by IMAP: (what went in, the answer's text, what came out)."""
        with open(path, 'rb') as f:
            text = f.read()
        text = text.replace(b'\r\n', b'\n').replace(b'\r', b'').replace(b'\n', b'\r\n')
        if not text or b'\0' in text:
            return None
        if not text.endswith(b'\r\n'):
            text += b'\r\n'
        with self.mail.smtp() as s:
            s.ehlo()
            s.mail('x@example.net', ['BODY=8BITMIME'])
            s.rcpt(f'carol@{DOMAIN}')
            code, answer = s.data(text)
        self.assertEqual(code, 250, (path, answer))
        c.select('INBOX')
        _, data = c.fetch('*', '(RFC822.SIZE BODYSTRUCTURE ENVELOPE BODY.PEEK[])')
        got = [d[1] for d in data if isinstance(d, tuple)][-1]
        self.assertTrue(got.endswith(text), path)
        said = b''.join(d[0] if isinstance(d, tuple) else d for d in data)
        self.assertIn(b'RFC822.SIZE %d ' % len(got), said, path)
        self.assertIn(b'BODYSTRUCTURE (', said, path)
        return text, said, got

    def corpus(self, folder):
        c = self.mail.imap('carol')
        for root, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                if name.endswith(('.eml', '.msg', '.mbox')):
                    found = self.there_and_back(c, os.path.join(root, name))
                    if found:
                        yield (name, *found)
        c.logout()

    def test_our_messages_come_back_octet_for_octet(self):
        count = 0
        for name, text, said, _ in self.corpus(os.path.join(DATA, 'mime')):
            count += 1
            structure = said[said.index(b'BODYSTRUCTURE (') + 14:]
            self.assertEqual(structure_of(structure),
                             structure_by_python(email.message_from_bytes(text)), name)
        self.assertGreaterEqual(count, 12)

    def test_public_mime_corpus_comes_back_octet_for_octet(self):
        folder = os.path.join(SUITES, 'mime')
        if not os.path.isdir(folder):
            self.skipTest('the public suites are not beside the project')
        self.assertGreater(sum(1 for _ in self.corpus(folder)), 50)


def parse(text):
    """The first parenthesised list of an IMAP answer, with strings as bytes."""
    stack, lists = [], None
    for m in re.finditer(rb'\(|\)|"((?:[^"\\]|\\.)*)"|[^\s()"]+', text):
        if m.group(0) == b'(':
            stack.append([])
        elif m.group(0) == b')':
            lists = stack.pop()
            if not stack:
                return lists
            stack[-1].append(lists)
        else:
            stack[-1].append(m.group(1) if m.group(0).startswith(b'"') else m.group(0))
    raise AssertionError('a list is not closed')


def structure_of(text):
    def tree(node):
        if isinstance(node[0], list):
            parts = [n for n in node if isinstance(n, list)]
            children = []
            for n in node:
                if not isinstance(n, list):
                    break
                children.append(tree(n))
            kind = 'multipart/' + node[len(children)].decode().lower()
            return [kind, *children] if parts else kind
        kind = (node[0] + b'/' + node[1]).decode().lower()
        return [kind, tree(node[8])] if kind == 'message/rfc822' else kind
    return tree(parse(text))


def structure_by_python(message):
    kind = message.get_content_type()
    if kind == 'message/rfc822' or message.get_content_maintype() == 'multipart':
        return [kind] + [structure_by_python(m) for m in message.get_payload()]
    return kind


if __name__ == '__main__':
    harness.main('__main__')
