"""Clients that mean harm, or are merely broken, harm nobody else."""
import os
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
