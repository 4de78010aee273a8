"""Sessions see each other's changes and deliveries; certificates change under them."""
import os
import signal
import socket
import ssl
import tempfile
import threading
import time
import unittest

import harness
from instance import DOMAIN, Instance, message


def read_until(connection, tag):
    """Lines up to the tagged one."""
    lines = []
    while True:
        line = connection.readline()
        lines.append(line)
        if not line or line.startswith(tag):
            return lines


class Live(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mail = Instance()
        cls.mail.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.mail.__exit__(None, None, None)

    def test_two_idle_sessions_see_a_delivery_and_each_other(self):
        sessions = [self.mail.imap() for _ in range(2)]
        for c in sessions:
            c.select()
            c.send(b'i IDLE\r\n')
            self.assertTrue(c.readline().startswith(b'+'))
        self.mail.deliver(message('live'))
        for c in sessions:
            line = c.readline()
            while b'EXISTS' not in line:
                line = c.readline()
        sessions[0].send(b'DONE\r\n')
        read_until(sessions[0], b'i ')
        sessions[0].store('1', '+FLAGS', r'(\Flagged)')
        line = sessions[1].readline()
        while b'FETCH' not in line:
            line = sessions[1].readline()
        self.assertIn(b'\\Flagged', line)
        sessions[0].store('1', '+FLAGS', r'(\Deleted)')
        sessions[0].expunge()
        while b'EXPUNGE' not in line:
            line = sessions[1].readline()
        for c in sessions:
            c.shutdown()

    def seconds_until(self, c, wanted, ask=None):
        """How long until the session says it: unasked, or to a NOOP after another."""
        begin = time.monotonic()
        while time.monotonic() - begin < 10:
            if ask:
                c.send(b'v NOOP\r\n')
                lines = read_until(c, b'v ')
            else:
                lines = [c.readline()]
            if any(wanted in line for line in lines):
                break
        return time.monotonic() - begin

    def test_what_is_acknowledged_is_seen_within_100_ms(self):
        """By one that idles and by one that asks: deliveries, flags, and what is gone."""
        idle, asking, other = [self.mail.imap('bob') for _ in range(3)]
        for c in (idle, asking, other):
            c.select()
        idle.send(b'i IDLE\r\n')
        idle.readline()
        waits = {'delivery': [], 'flags': [], 'expunge': []}
        for i in range(9):
            self.mail.deliver(message(f'seen {i}'), to='bob')
            waits['delivery'] += [self.seconds_until(idle, b'EXISTS'),
                                  self.seconds_until(asking, b'EXISTS', True)]
            other.noop()
            other.store('1', '+FLAGS', r'(\Flagged \Deleted)')
            waits['flags'] += [self.seconds_until(idle, b'FETCH'),
                               self.seconds_until(asking, b'FETCH', True)]
            other.expunge()
            waits['expunge'] += [self.seconds_until(idle, b'EXPUNGE'),
                                 self.seconds_until(asking, b'EXPUNGE', True)]
        for what, seconds in waits.items():
            # a machine that is busy with something else may miss it now and then
            self.assertLess(sorted(seconds)[len(seconds) // 2], 0.1, (what, seconds))
        for c in (idle, asking, other):
            c.shutdown()

    def serial(self):
        with socket.create_connection(('localhost', self.mail.ports['imaps']), 5) as s:
            with self.mail.context().wrap_socket(s, server_hostname='localhost') as t:
                return t.getpeercert()['serialNumber']

    def test_certificate_changes_under_100_sessions(self):
        sessions = [self.mail.imap() for _ in range(100)]
        for c in sessions:
            c.select()
        old = self.serial()
        chain, key = self.mail.ca.issue('second')
        self.mail.ctl('cert', 'import', chain, key)
        until = time.monotonic() + 2
        while self.serial() == old and time.monotonic() < until:
            time.sleep(0.05)
        new = self.serial()
        self.assertNotEqual(new, old)
        for c in sessions:
            self.assertEqual(c.noop()[0], 'OK')
            self.assertEqual(c.sock.getpeercert()['serialNumber'], old)
            c.shutdown()
        status = self.mail.ctl('cert', 'status')
        until = time.monotonic() + 5
        while status.lower().count(new.lower().lstrip('0')) < 2 and time.monotonic() < until:
            time.sleep(0.2)
            status = self.mail.ctl('cert', 'status')
        self.assertIn(new.lower().lstrip('0'), status.lower())

    def test_a_bad_pair_is_refused_and_the_old_one_stays(self):
        before = self.serial()
        _, key = self.mail.ca.issue('other')
        chain, _ = self.mail.ca.issue('third')
        with self.assertRaisesRegex(RuntimeError, '(?i)key'):
            self.mail.ctl('cert', 'import', chain, key)
        self.assertEqual(self.serial(), before)

    def test_old_tls_is_refused_on_every_port(self):
        for port in ('imaps', 'pop3s', 'submissions'):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.set_ciphers('ALL:@SECLEVEL=0')
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
            with socket.create_connection(('localhost', self.mail.ports[port]), 5) as s:
                with self.assertRaises(OSError):
                    context.wrap_socket(s)

    def test_parallel_sessions_agree(self):
        problems = []

        def work(number):
            try:
                c = self.mail.imap('bob')
                c.select()
                for i in range(20):
                    c.append('INBOX', None, None, message(f'p-{number}-{i}'))
                    c.noop()
                    c.store('1', '+FLAGS', rf'(k{number})')
                c.logout()
            except Exception as e:  # noqa: BLE001: reported below
                problems.append(repr(e))
        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(problems, [])
        c = self.mail.imap('bob')
        self.assertEqual(c.select()[1], [b'160'])
        uids = c.uid('SEARCH', None, 'ALL')[1][0].split()
        self.assertEqual(len(set(uids)), 160)
        c.logout()
        self.assertIn('0 problems', self.mail.ctl('store', 'check'))


class CustomFiles(unittest.TestCase):
    """acmed: provider custom, with files that somebody else replaces (TLS-10, 11, 38)."""

    def served(self, mail):
        with socket.create_connection(('localhost', mail.ports['imaps']), 10) as s:
            with ssl._create_unverified_context().wrap_socket(s) as t:
                return t.getpeercert(True)

    def wait_for(self, what, text):
        until = time.monotonic() + 10
        while not what():
            self.assertLess(time.monotonic(), until, text)
            time.sleep(0.1)

    def test_files_are_taken_when_they_change_and_expiry_is_told(self):
        with tempfile.TemporaryDirectory(prefix='vectis-') as folder:
            chain, key = f'{folder}/live/chain.pem', f'{folder}/live/key.pem'
            os.mkdir(f'{folder}/live')
            provider = f'custom\n  cert_path: {chain}\n  key_path: {key}'
            with Instance(f'{folder}/mail', daemons=('imapd', 'acmed'),
                          provider=provider) as mail:
                # none yet: a temporary certificate is served, acmed says what it misses
                self.wait_for(lambda: f'cannot read {chain}' in mail.log('acmed'), mail.log('acmed'))
                temporary = {self.served(mail) for _ in range(10)}
                self.assertEqual(len(temporary), 1)
                for name, days in (('one', 30), ('two', 5)):
                    new_chain, new_key = mail.ca.issue(name, days=days)
                    with open(new_chain) as f:
                        issued = ssl.PEM_cert_to_DER_cert(f.read())
                    os.replace(new_key, key)
                    os.replace(new_chain, chain)
                    self.wait_for(lambda: self.served(mail) == issued, mail.log('acmed'))
                with open(chain, 'w') as f:
                    f.write('rubbish')
                self.wait_for(lambda: f'{chain} has no certificate in PEM' in mail.log('acmed'),
                              mail.log('acmed'))
                self.assertEqual(self.served(mail), issued)
                mail.kill('acmed', signal.SIGTERM)
                mail.start('acmed')
                self.wait_for(lambda: 'certificate ends soon' in mail.log('acmed'),
                              mail.log('acmed'))
                self.assertIn('days_left=4', mail.log('acmed'))


if __name__ == '__main__':
    harness.main('__main__')
