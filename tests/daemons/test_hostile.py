"""Clients that mean harm, or are merely broken, harm nobody else."""
import os
import re
import resource
import socket
import ssl
import threading
import time
import unittest

import harness
from instance import DOMAIN, PASSWORD, Instance, message, run


def resident_kb(pid):
    with open(f'/proc/{pid}/status') as f:
        for line in f:
            if line.startswith('VmRSS'):
                return int(line.split()[1])
    return 0


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
        cls.mail = Instance(settings='limits:\n  connections_per_address: 3000\n')
        cls.mail.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.mail.__exit__(None, None, None)

    def connect(self, port):
        return socket.create_connection(('localhost', self.mail.ports[port]), 20)

    def memory(self, name):
        pid = self.mail.processes[name].pid
        total = 0
        for entry in os.listdir('/proc'):
            if entry.isdigit():
                try:
                    with open(f'/proc/{entry}/stat') as f:
                        if int(f.read().rsplit(')', 1)[1].split()[1]) == pid:
                            total += resident_kb(entry)
                except OSError:
                    pass
        return total

    def still_serves(self):
        begin = time.monotonic()
        self.mail.deliver(message('served'))
        c = self.mail.imap()
        self.assertEqual(c.select()[0], 'OK')
        c.logout()
        self.assertLess(time.monotonic() - begin, 5)

    def test_a_thousand_silent_connections(self):
        idle = [self.connect(port) for port in ('smtp', 'imaps') for _ in range(500)]
        self.still_serves()
        for s in idle:
            s.close()

    def test_two_gigabyte_literals(self):
        c = self.mail.imap()
        before = self.memory('imapd')
        c.send(b'x APPEND INBOX {2147483647}\r\n')
        self.assertRegex(c.readline(), rb'x (NO|BAD) ')
        c.send(b'y LIST "" {2147483647+}\r\n')
        try:
            for _ in range(200):
                c.send(b'A' * 65536)
        except OSError:
            pass
        self.assertLess(self.memory('imapd') - before, 65536)
        c.shutdown()
        s = self.connect('imaps')
        t = self.mail.context().wrap_socket(s, server_hostname='localhost')
        t.recv(4096)
        t.sendall(b'z LOGIN {100000000+}\r\n')
        try:
            for _ in range(100):
                t.sendall(b'A' * 65536)
        except OSError:
            pass
        self.still_serves()

    def test_a_reader_that_does_not_read(self):
        body = ('z' * 76 + '\r\n') * 30000
        c = self.mail.imap('bob')
        c.append('INBOX', None, None, message('large', body))
        c.select()
        before = self.memory('imapd')
        for i in range(2000):
            c.send(b'f%d FETCH 1 BODY.PEEK[]\r\n' % i)
            if i == 200:
                break
        time.sleep(1)
        self.assertLess(self.memory('imapd') - before, 65536)
        self.still_serves()
        c.sock.close()

    def test_endless_lines_and_noise(self):
        for port in ('smtp', 'submission'):
            s = self.connect(port)
            s.recv(1000)
            try:
                for _ in range(100):
                    s.sendall(b'A' * 65536)
                    s.setblocking(False)
                    try:
                        s.recv(65536)
                    except BlockingIOError:
                        pass
                    s.setblocking(True)
            except OSError:
                pass
            s.close()
        for port in ('imaps', 'pop3s', 'submissions'):
            s = self.connect(port)
            try:
                s.sendall(os.urandom(100000))
                s.recv(1000)
            except OSError:
                pass
            s.close()
        self.still_serves()

    def test_one_octet_at_a_time(self):
        s = self.connect('smtp')
        s.recv(1000)
        for octet in b'EHLO client.example.net\r\n':
            s.sendall(bytes([octet]))
        self.assertTrue(s.recv(2000).startswith(b'250'))
        s.close()

    def test_wrong_certificates_and_half_open(self):
        with self.assertRaises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(self.connect('imaps'),
                                                     server_hostname='localhost')
        s = self.connect('imaps')
        s.shutdown(socket.SHUT_WR)
        s.close()
        self.still_serves()

    def guess(self, password):
        """What a login of bob from another address is answered."""
        with socket.create_connection(('127.0.0.1', self.mail.ports['imaps']), 10,
                                      source_address=('127.0.0.2', 0)) as s:
            with ssl._create_unverified_context().wrap_socket(s) as t:
                f = t.makefile('rwb')
                f.readline()
                f.write(f'a LOGIN bob@{DOMAIN} {password}\r\n'.encode())
                f.flush()
                return f.readline().decode()

    def test_guessing_passwords_is_slowed_down_for_the_guesser_only(self):
        # each of the two workers gives three for nothing, then one after a second, ...
        answers = [self.guess(f'wrong{i}') for i in range(30)]
        self.assertIn('[AUTHENTICATIONFAILED]', answers[0])
        self.assertLess(sum('[AUTHENTICATIONFAILED]' in a for a in answers), 15)
        self.assertGreater(sum('wait' in a for a in answers), 15)
        self.mail.imap('bob').logout()
        until = time.monotonic() + 70
        while 'wait' in self.guess(PASSWORD):
            self.assertLess(time.monotonic(), until)
            time.sleep(1)


class Dribble(unittest.TestCase):
    """Octets that come one by one keep no connection."""

    def closed_after(self, s, octet, seconds):
        """What is said in the end, and after how long."""
        s.setblocking(False)
        begin, said = time.monotonic(), b''
        while time.monotonic() - begin < seconds:
            try:
                s.send(octet)
                more = s.recv(1000)
                if not more:
                    break
                said += more
            except BlockingIOError:
                pass
            except OSError:
                break
            time.sleep(0.1)
        s.close()
        return said, time.monotonic() - begin

    def test_in_commands_and_messages(self):
        with Instance(daemons=('smtpd', 'imapd'), pop3=False,
                      settings='limits:\n  login_seconds: 5\n',
                      keys={'smtp': ('idle_seconds: 5', 'minimum_rate: 1000')}) as mail:
            found = {}

            def client(name, before, octet):
                s = socket.create_connection(('127.0.0.1', mail.ports['smtp']), 20)
                f = s.makefile('rb')
                f.readline()
                for line in before:
                    s.sendall(line.encode() + b'\r\n')
                    while f.readline()[3:4] == b'-':
                        pass
                found[name] = self.closed_after(s, octet, 20)
            envelope = ('EHLO c.example.net', 'MAIL FROM:<x@example.net>',
                        f'RCPT TO:<alice@{DOMAIN}>')
            threads = [threading.Thread(target=client, args=a) for a in (
                ('greeting', (), b'x'), ('command', envelope, b'x'),
                ('data', envelope + ('DATA',), b'x'),
                ('lines', envelope + ('DATA',), b'\r\n'),
                ('chunk', envelope + ('BDAT 2\r\n\r\n',), b'BDAT 1\r\nx'))]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            for name, (said, after) in found.items():
                self.assertTrue(said.endswith(b'421 4.4.2 timed out\r\n'), (name, said))
                self.assertGreater(after, 4, name)
                self.assertLess(after, 9, name)
            mail.deliver(message('after'))
            c = mail.imap()
            self.assertEqual(c.select()[1], [b'1'])
            c.logout()


class Split(unittest.TestCase):
    """A sample of what tests/service/test_smuggling.c does, against sockets and TLS."""

    ENVELOPE = ('EHLO c.example.net\r\nMAIL FROM:<x@example.net>\r\n'
                f'RCPT TO:<alice@{DOMAIN}>\r\n').encode()
    EVIL = ('MAIL FROM:<evil@example.net>\r\n' f'RCPT TO:<bob@{DOMAIN}>\r\n'
            'DATA\r\nSubject: evil\r\n\r\nevil\r\n.\r\n').encode()
    DATA = b'DATA\r\nSubject: cut\r\n\r\ntext\r\n..dot\r\n.\r\n'
    CHUNKS = b'BDAT 16\r\nSubject: cut\r\n\r\nBDAT 6\r\ntext\r\nBDAT 6 LAST\r\n.dot\r\n'

    @classmethod
    def setUpClass(cls):
        cls.mail = Instance(daemons=('smtpd', 'imapd'), pop3=False)
        cls.mail.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.mail.__exit__(None, None, None)

    def connect(self, tls):
        s = socket.create_connection(('127.0.0.1', self.mail.ports['smtp']), 20)
        s.recv(1000)
        if tls:
            s.sendall(b'EHLO c.example.net\r\nSTARTTLS\r\n')
            said = b''
            while b'\n220 ' not in said:
                said += s.recv(1000)
            s = ssl._create_unverified_context().wrap_socket(s)
        return s

    def count(self, name):
        c = self.mail.imap(name)
        found = int(c.select()[1][0])
        c.logout()
        return found

    def wait_for_answers(self, s, count):
        said = b''
        while len(re.findall(rb'^\d{3} ', said, re.M)) < count:
            more = s.recv(4096)
            if not more:
                break
            said += more
        return said

    def cut(self, octets, at, tls, how):
        s = self.connect(tls)
        s.sendall(self.ENVELOPE)
        self.wait_for_answers(s, 3)
        s.sendall(octets[:at])
        if how == 'reset':
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        elif how == 'half':
            s.shutdown(socket.SHUT_WR)
            s.settimeout(20)
            try:
                while s.recv(1000):
                    pass
            except OSError:
                pass
        s.close()

    def test_no_part_of_a_message_is_filed(self):
        before = self.count('alice')
        for octets in (self.DATA, self.CHUNKS):
            for at in list(range(4, len(octets), 7)) + [len(octets) - 1]:
                for tls in (False, True):
                    for how in ('reset', 'close', 'half'):
                        self.cut(octets, at, tls, how)
        self.mail.deliver(message('behind'))
        self.assertEqual(self.count('alice'), before + 1)

    def test_no_sequence_splits_a_message(self):
        before, whole = self.count('alice'), 0
        ends = (b'\r', b'\n', b'\r\n', b'\0', b'.', b'x')
        for sequence in [a + b'.' + c for a in ends for c in ends] + [
                a + b + b'.' + c for a in ends[:4] for b in ends[:4] for c in ends[:3]]:
            s = self.connect(False)
            body = b'Subject: s\r\n\r\nx' + sequence + self.EVIL
            s.sendall(self.ENVELOPE + b'DATA\r\n' + body + b'QUIT\r\n')
            said = self.wait_for_answers(s, 99)
            s.close()
            # what is before an end that is one is a message; what is behind it, too
            if b'\r\n.\r\n' not in body[:-len(self.EVIL)]:
                whole += b'\n250 2.0.0 filed' in said
                self.assertEqual(b'\n250 2.0.0 filed' in said,
                                 not re.search(rb'\r(?!\n)|(?<!\r)\n', body), sequence)
            else:
                whole += b'\n250 2.0.0 filed' in said
        self.assertEqual(self.count('alice'), before + whole)
        c = self.mail.imap('bob')
        c.select()
        self.assertEqual(c.search(None, 'NOT', 'SUBJECT', 'evil')[1], [b''])
        c.logout()

    def test_octets_behind_starttls_are_lost(self):
        for behind in (b'MAIL FROM:<evil@example.net>\r\n', b'NOOP\r\n', b'x'):
            s = socket.create_connection(('127.0.0.1', self.mail.ports['smtp']), 20)
            s.recv(1000)
            s.sendall(b'EHLO c.example.net\r\nSTARTTLS\r\n' + behind)
            said = b''
            while b'\n220 ' not in said:
                said += s.recv(1000)
            try:
                with ssl._create_unverified_context().wrap_socket(s) as t:
                    t.sendall(b'RCPT TO:<alice@%s>\r\nNOOP\r\n' % DOMAIN.encode())
                    said = t.recv(1000)
                    self.assertTrue(said.startswith(b'503 '), said)
            except (ssl.SSLError, OSError):
                pass  # it hung up, which is as good


class Mistakes(unittest.TestCase):
    def start(self, mail, name):
        mail.start(name)
        mail.processes[name].wait(20)
        return mail.log(name)

    def test_port_in_use_is_named(self):
        mail = Instance(daemons=())
        with mail:
            with socket.socket() as s:
                s.bind(('127.0.0.1', mail.ports['smtp']))
                s.listen()
                text = self.start(mail, 'smtpd')
                self.assertIn(f'127.0.0.1:{mail.ports["smtp"]}', text)
            mail.processes.clear()

    def test_nonsense_configuration_has_a_place(self):
        mail = Instance(daemons=())
        with mail:
            with open(mail.config, 'a') as f:
                f.write('imaps:\n  lissten: 7\n')
            text = self.start(mail, 'imapd')
            self.assertRegex(text, r'config\.yaml:\d+:\d+: ')
            mail.processes.clear()
            with self.assertRaisesRegex(RuntimeError, r'failed with 2:[^$]*config\.yaml:\d+:\d+: '):
                mail.ctl('config', 'validate')

    def test_no_certificate_yet_is_not_an_error(self):
        mail = Instance(daemons=())
        with mail:
            run('rm', '-rf', os.path.join(mail.state, 'certs'))
            mail.start('imapd')
            mail.wait_ready()
            context = ssl._create_unverified_context()
            with socket.create_connection(('localhost', mail.ports['imaps']), 5) as s:
                with context.wrap_socket(s) as t:
                    self.assertTrue(t.recv(1000).startswith(b'* OK'))

    def test_wrong_mode_of_a_key_is_named(self):
        with Instance(daemons=()) as mail:
            chain, key = mail.ca.issue('loose')
            os.chmod(key, 0o644)
            with self.assertRaisesRegex(RuntimeError, 'loose.key'):
                mail.ctl('cert', 'import', chain, key)


if __name__ == '__main__':
    harness.main('__main__')
