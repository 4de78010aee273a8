"""imapd's extensions with real clients: SORT and THREAD by imaplib, COMPRESS by mbsync."""
import imaplib
import os
import re
import socket
import time
import unittest
import zlib

import harness
from instance import DOMAIN, PASSWORD, Instance, message, run
from test_imap import Raw


class Zipped:
    """COMPRESS=DEFLATE with the zlib of another program."""

    def __init__(self, mail, name):
        s = socket.create_connection(('localhost', mail.ports['imaps']), 30)
        self.socket = mail.context().wrap_socket(s, server_hostname='localhost')
        self.inflate = self.deflate = None
        self.buffer = b''
        self.wire = 0
        self.line()
        self.say('l', f'LOGIN {name}@{DOMAIN} {PASSWORD}')
        done = self.say('z', 'COMPRESS DEFLATE')
        assert done[-1].startswith(b'z OK'), done
        self.inflate = zlib.decompressobj(-15)
        self.deflate = zlib.compressobj(9, zlib.DEFLATED, -15)

    def send(self, octets):
        if self.deflate:
            octets = self.deflate.compress(octets) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        self.socket.sendall(octets)

    def line(self):
        while b'\r\n' not in self.buffer:
            octets = self.socket.recv(65536)
            if not octets:
                return None
            self.wire += len(octets)
            self.buffer += self.inflate.decompress(octets) if self.inflate else octets
        line, self.buffer = self.buffer.split(b'\r\n', 1)
        return line

    def until(self, tag):
        lines = []
        while not lines or not lines[-1].startswith(tag.encode() + b' '):
            line = self.line()
            assert line is not None, lines
            lines.append(line)
        return lines

    def say(self, tag, command):
        self.send(f'{tag} {command}\r\n'.encode())
        return self.until(tag)


def memory_kb(pid):
    """Of a process and its children, resident."""
    sum_kb = 0
    for p in [pid, *run('pgrep', '-P', str(pid)).split()]:
        with open(f'/proc/{p}/status') as f:
            sum_kb += int(re.search(r'VmRSS:\s+(\d+)', f.read())[1])
    return sum_kb


class Extensions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mail = Instance(accounts=('alice', 'bob', 'carol', 'dave'),
                            daemons=('smtpd', 'imapd'))
        cls.mail.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.mail.__exit__(None, None, None)

    def test_sort_and_thread(self):
        c = self.mail.imap('alice')
        subjects = ['beta', 'Re: alpha', 'alpha', 'Fwd: [list] beta (fwd)', 'Gamma']
        for i, subject in enumerate(subjects):
            text = (f'From: s{9 - i}@example.net\r\nSubject: {subject}\r\n'
                    f'Message-ID: <{i}@example.net>\r\n'
                    f'Date: Mon, {10 + i} Nov 2025 10:00:00 +0000\r\n')
            if i == 4:
                text += 'References: <0@example.net>\r\n'
            c.append('INBOX', None, None, (text + '\r\nx\r\n').encode())
        c.select('INBOX')
        self.assertIn('SORT', c.capability()[1][0].decode().split())
        self.assertEqual(c.sort('SUBJECT', 'UTF-8', 'ALL')[1], [b'2 3 1 4 5'])
        self.assertEqual(c.sort('(REVERSE FROM)', 'UTF-8', 'ALL')[1], [b'1 2 3 4 5'])
        self.assertEqual(c.uid('SORT', '(SIZE)', 'UTF-8', 'SUBJECT alpha')[1], [b'3 2'])
        self.assertEqual(c.thread('REFERENCES', 'UTF-8', 'ALL')[1],
                         [b'(1 (4)(5))(3 2)'])
        self.assertEqual(c.thread('ORDEREDSUBJECT', 'UTF-8', 'ALL')[1],
                         [b'(1 4)(2 3)(5)'])
        self.assertEqual(c.thread('REFS', 'UTF-8', 'ALL')[1], [b'(2)(3)(4)(1 5)'])
        with self.assertRaises(imaplib.IMAP4.error):
            c.sort('LENGTH', 'UTF-8', 'ALL')

    def test_a_zipped_session(self):
        text = message('zipped', 'the same line\r\n' * 20000)
        c = Zipped(self.mail, 'bob')
        c.send(f'a APPEND INBOX {{{len(text)}}}\r\n'.encode())
        self.assertTrue(c.line().startswith(b'+'))
        c.send(text + b'\r\n')
        self.assertTrue(c.until('a')[-1].startswith(b'a OK'))
        c.say('b', 'SELECT INBOX')
        before = c.wire
        lines = c.say('c', 'FETCH 1 BODY.PEEK[]')
        self.assertEqual(sum(line == b'the same line' for line in lines), 20000)
        self.assertLess(c.wire - before, 20000)
        # what others do is heard at once in IDLE, where the compressor rests
        c.send(b'd IDLE\r\n')
        self.assertTrue(c.line().startswith(b'+'))
        for i in range(2):
            self.mail.imap('bob').append('INBOX', None, None, message(f'new-{i}'))
            start = time.monotonic()
            self.assertEqual(c.line(), b'* %d EXISTS' % (i + 2))
            self.assertLess(time.monotonic() - start, 5)
        c.send(b'DONE\r\n')
        self.assertTrue(c.until('d')[-1].startswith(b'd OK'))
        self.assertEqual(c.say('e', 'LOGOUT')[-1][:4], b'e OK')

    def test_a_zip_ends_with_unauthenticate(self):
        """RFC 8437 4: both streams end; another login, and another zip, are as ever."""
        for flush, together in ((zlib.Z_FINISH, True), (zlib.Z_FINISH, False),
                                (zlib.Z_SYNC_FLUSH, False)):
            c = Zipped(self.mail, 'bob')
            c.say('a', 'SELECT INBOX')
            again = f'c LOGIN carol@{DOMAIN} {PASSWORD}\r\n'.encode()
            last = c.deflate.compress(b'b UNAUTHENTICATE\r\n') + c.deflate.flush(flush)
            c.socket.sendall(last + (again if together else b''))
            self.assertTrue(c.line().startswith(b'b OK'))
            self.assertTrue(c.inflate.eof)
            c.buffer += c.inflate.unused_data
            c.inflate = c.deflate = None
            if not together:
                c.socket.sendall(again)
            self.assertTrue(c.until('c')[-1].startswith(b'c OK'))
            self.assertIn(b'COMPRESS=DEFLATE', c.say('d', 'CAPABILITY')[0])
            self.assertTrue(c.say('e', 'COMPRESS DEFLATE')[-1].startswith(b'e OK'))
            c.inflate = zlib.decompressobj(-15)
            c.deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
            self.assertTrue(c.say('f', 'LOGOUT')[-1].startswith(b'f OK'))

    def test_bombs(self):
        """200 MB of a line without an end, and half a million commands, in a few KB each."""
        pid = self.mail.processes['imapd'].pid
        other = self.mail.imap('dave')
        other.noop()
        before = memory_kb(pid)
        bombs = [Zipped(self.mail, 'carol') for _ in range(4)]
        block = b'x' * (1 << 20)
        z = zlib.compressobj(9, zlib.DEFLATED, -15)
        line = b''.join(z.compress(block) for _ in range(200)) + z.flush(zlib.Z_SYNC_FLUSH)
        z = zlib.compressobj(9, zlib.DEFLATED, -15)
        noops = (z.compress(b'a NOOP\r\n' * 500000) + z.flush(zlib.Z_SYNC_FLUSH))
        for i, c in enumerate(bombs):
            c.socket.settimeout(1)
            try:
                c.socket.sendall(line if i % 2 else noops)
            except OSError:
                pass  # it is not read: back-pressure
        worst = 0
        for _ in range(50):
            start = time.monotonic()
            other.noop()
            worst = max(worst, time.monotonic() - start)
            time.sleep(0.02)
        self.assertLess(worst, 3)
        self.assertLess(memory_kb(pid) - before, 64 * 1024)
        for c in bombs:
            c.socket.close()

    def test_damaged_data(self):
        c = Zipped(self.mail, 'dave')
        self.assertEqual(c.say('a', 'NOOP')[-1][:4], b'a OK')
        c.socket.sendall(b'\xff\xff\xff\xff')
        self.assertTrue(c.line().startswith(b'* BYE'))
        self.assertIsNone(c.line())

    def test_mbsync_compresses(self):
        """mbsync asks for COMPRESS=DEFLATE when it is there: its debugging output says so."""
        near = os.path.join(self.mail.folder, 'near')
        os.makedirs(near)
        rc = os.path.join(self.mail.folder, 'rc')
        with open(rc, 'w') as f:
            f.write(f'''FSync no
IMAPStore far
Host localhost
Port {self.mail.ports['imaps']}
User bob@{DOMAIN}
Pass {PASSWORD}
SSLType IMAPS
CertificateFile {self.mail.ca.cert}
AuthMechs PLAIN

MaildirStore near
Path {near}/
Inbox {near}/INBOX

Channel t
Far :far:
Near :near:
Patterns INBOX
SyncState *
''')
        c = self.mail.imap('bob')
        for i in range(50):
            c.append('INBOX', None, None, message(f'm{i}', 'text\r\n' * i))
        count = int(c.select('INBOX')[1][0])
        said = run('mbsync', '-c', rc, '-Dn', 't',
                   env=dict(os.environ, HOME=self.mail.folder), timeout=120)
        self.assertRegex(said, r'(?m)COMPRESS DEFLATE')
        self.assertEqual(len(os.listdir(near + '/INBOX/new') +
                             os.listdir(near + '/INBOX/cur')), count)

    def test_notices_overflow(self):
        """What is too much to be remembered ends all notices, and the client is told."""
        def annotate(client, mailbox):
            for k in range(0, 100, 50):
                entries = ' '.join(f'"/private/{i}{"x" * 180}" "1"' for i in range(k, k + 50))
                status, _ = client.say(f'SETMETADATA {mailbox} ({entries})')
                self.assertTrue(status.startswith('OK'), status)

        told, other = Raw(self.mail, 'bob'), Raw(self.mail, 'bob')
        for i in range(60):
            other.say(f'CREATE box{i}')
        for i in range(50):
            annotate(other, f'box{i}')
        notify = 'NOTIFY SET (personal (MailboxMetadataChange MailboxName))'
        self.assertTrue(told.say(notify)[0].startswith('OK'))
        for i in range(50, 60):
            annotate(other, f'box{i}')
        said = b''.join(told.say('NOOP')[1] + told.say('NOOP')[1])
        self.assertEqual(said.count(b'NOTIFICATIONOVERFLOW'), 1, said[-300:])
        other.say('CREATE another')
        self.assertEqual(told.say('NOOP')[1], [])
        self.assertRegex(told.say(notify)[0], r'^NO \[NOTIFICATIONOVERFLOW\] ')
        for i in range(60):
            other.say(f'DELETE box{i}')
        self.assertTrue(told.say(notify)[0].startswith('OK'))
        told.close()
        other.close()


if __name__ == '__main__':
    harness.main(__name__)
