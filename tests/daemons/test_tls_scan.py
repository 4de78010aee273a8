"""Scanners of others look at every listener: exactly these versions, suites and groups."""
import json
import os
import re
import socket
import subprocess
import time
import unittest
import xml.etree.ElementTree as xml
from concurrent.futures import ThreadPoolExecutor

import harness
from instance import PORTS, Instance, run
from peers import Names

CLEAR = ('smtp', 'submission')  # until STARTTLS
MODERN = {'TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'}
CIPHERS = ('AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305')
GROUPS = {'x25519', 'secp256r1 (NIST P-256)', 'secp384r1 (NIST P-384)'}
OFF = {('ssl', '2'), ('ssl', '3'), ('tls', '1.0'), ('tls', '1.1')}
ON = {('tls', '1.2'), ('tls', '1.3')}
OWN = {'smtp': 'smtp', 'submission': 'smtp', 'submissions': 'smtp', 'imaps': 'imap',
       'pop3s': 'pop3'}
FOREIGN = ('http/1.1', 'h2', 'acme-tls/1', 'ftp', 'managesieve')


def scan(mail, port):
    starttls = ('--starttls-smtp',) if port in CLEAR else ()
    text = run('sslscan', '--xml=-', '--no-colour', *starttls,
               f'127.0.0.1:{mail.ports[port]}', timeout=30)
    return xml.fromstring(text).find('ssltest')


def side_by_side(function, mail, ports=PORTS):
    with ThreadPoolExecutor(len(ports)) as pool:
        return dict(zip(ports, pool.map(lambda p: function(mail, p), ports)))


def versions(found, enabled):
    return {(p.get('type'), p.get('version')) for p in found.iter('protocol')
            if p.get('enabled') == enabled}


def of_version(found, what, name, version):
    return {e.get(name) for e in found.iter(what) if e.get('sslversion') == version}


def client(mail, port, *options, say=''):
    """What openssl's client prints."""
    starttls = ('-starttls', 'smtp') if port in CLEAR else ()
    return subprocess.run(
        ('openssl', 's_client', '-connect', f'127.0.0.1:{mail.ports[port]}', *starttls, *options),
        input=say, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
        timeout=30, check=False).stdout


class Scan(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.names = Names({'gmail-smtp-in.l.google.com': {'A': ['127.0.0.1']}})
        cls.mail = Instance(accounts=('alice',), settings=cls.names.settings('test', 'google.com'))
        cls.mail.__enter__()
        cls.addClassCleanup(cls.mail.__exit__, None, None, None)

    def expect(self, found, kind):
        self.assertEqual(versions(found, '0'), OFF)
        self.assertEqual(versions(found, '1'), ON)
        self.assertEqual(of_version(found, 'cipher', 'cipher', 'TLSv1.3'), MODERN)
        self.assertEqual(of_version(found, 'cipher', 'cipher', 'TLSv1.2'),
                         {f'ECDHE-{kind}-{c}' for c in CIPHERS})
        for version in ('TLSv1.2', 'TLSv1.3'):
            self.assertEqual(of_version(found, 'group', 'name', version), GROUPS)
        self.assertEqual(found.find('renegotiation').get('supported'), '0')
        self.assertEqual({e.get('vulnerable') for e in found.iter('heartbleed')}, {'0'})

    def test_every_listener(self):
        for port, found in side_by_side(scan, self.mail).items():
            with self.subTest(port):
                self.expect(found, 'ECDSA')

    def test_nmap(self):
        """It is told which ports speak SMTP first: looking for that takes it half a minute."""
        folder = os.path.join(self.mail.folder, 'nmap')
        os.makedirs(folder)
        with open(os.path.join(folder, 'nmap-services'), 'w') as f:
            for port in CLEAR:
                f.write(f'smtp {self.mail.ports[port]}/tcp 0.5\n')
        text = run('nmap', '-Pn', '-n', '-sT', '--datadir', folder, '-oX', '-', '--script',
                   '+ssl-enum-ciphers', '-p', ','.join(map(str, self.mail.ports.values())),
                   '127.0.0.1', timeout=60)
        found = {int(p.get('portid')): p.find('script') for p in xml.fromstring(text).iter('port')}
        wanted = {'TLSv1.2': {f'TLS_ECDHE_ECDSA_WITH_{c}_SHA{n}' for c, n in (
            ('AES_128_GCM', 256), ('AES_256_GCM', 384), ('CHACHA20_POLY1305', 256))},
            'TLSv1.3': {c.replace('TLS_', 'TLS_AKE_WITH_', 1) for c in MODERN}}
        for port, number in self.mail.ports.items():
            with self.subTest(port):
                script = found[number]
                tables = {t.get('key'): t for t in script.findall('table')}
                self.assertEqual(
                    {version: {e.text for e in t.iter('elem') if e.get('key') == 'name'}
                     for version, t in tables.items()}, wanted)
                grade = [e.text for e in script.findall('elem')
                         if e.get('key') == 'least strength']
                self.assertEqual(grade, ['A'])
                self.assertEqual([e.text for e in tables['TLSv1.2'].findall(
                    "table[@key='compressors']/elem")], ['NULL'])

    def test_with_rsa(self):
        folder = self.mail.folder
        chain, key = os.path.join(folder, 'rsa.crt'), os.path.join(folder, 'rsa.key')
        run('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-keyout',
            key, '-out', chain, '-subj', '/CN=localhost', '-addext',
            'subjectAltName=DNS:localhost,DNS:mail.example.test')
        os.chmod(key, 0o600)
        self.addCleanup(self.install, os.path.join(folder, 'first.crt'),
                        os.path.join(folder, 'first.key'))
        self.install(chain, key)
        for port, found in side_by_side(scan, self.mail, ('smtp', 'imaps', 'pop3s')).items():
            with self.subTest(port):
                self.expect(found, 'RSA')

    def install(self, chain, key):
        """Until every worker serves the pair."""
        self.mail.ctl('cert', 'import', chain, key)
        serial = run('openssl', 'x509', '-in', chain, '-noout', '-serial').strip()
        serial = serial.partition('=')[2].lower()
        folder = os.path.join(self.mail.folder, 'run')
        until = time.monotonic() + 30

        def serves(name):
            with open(os.path.join(folder, name)) as f:
                return f.readline().strip() == serial
        while True:
            workers = [n for n in os.listdir(folder) if re.fullmatch(r'[a-z0-9]+d\.\d+', n)]
            if workers and all(map(serves, workers)):
                return
            self.assertLess(time.monotonic(), until, workers)
            time.sleep(0.05)

    def test_no_renegotiation(self):
        for port, said in side_by_side(lambda mail, port: client(
                mail, port, '-tls1_2', say='R\n'), self.mail).items():
            with self.subTest(port):
                self.assertIn('RENEGOTIATING', said)
                self.assertIn('no renegotiation', said)

    def test_foreign_protocols(self):
        """Who offers only others' was sent here by somebody else (ALPACA)."""
        def answers(mail, port):
            own = client(mail, port, '-alpn', OWN[port])
            both = client(mail, port, '-alpn', 'http/1.1,' + OWN[port])
            none = client(mail, port)
            return own, both, none, [client(mail, port, '-alpn', f) for f in FOREIGN]
        for port, (own, both, none, foreign) in side_by_side(answers, self.mail).items():
            with self.subTest(port):
                for said in (own, both):
                    self.assertIn('ALPN protocol: ' + OWN[port], said)
                self.assertIn('No ALPN negotiated', none)
                self.assertIn('Cipher is TLS_', none)
                for said in foreign:
                    self.assertIn('no application protocol', said)
                    self.assertIn('Cipher is (NONE)', said)

    def seen(self):
        """How many handshakes failed since the client was too old, by network."""
        found = json.loads(self.mail.ctl('--json', 'status'))['old_clients']
        return {c['network']: c['handshakes'] for c in found}

    def test_who_is_too_old_is_counted(self):
        """A client that fails for its version, on each port; one that fails otherwise is none."""
        client(self.mail, 'imaps', '-alpn', 'http/1.1')
        before = self.seen().get('127.0.0.1', 0)
        side_by_side(lambda mail, port: client(
            mail, port, '-tls1', '-cipher', 'ALL:@SECLEVEL=0'), self.mail)
        until = time.monotonic() + 30
        while self.seen().get('127.0.0.1', 0) < before + len(PORTS):
            self.assertLess(time.monotonic(), until, self.seen())
            time.sleep(0.1)
        self.assertRegex(self.mail.ctl('status'),
                         r'127\.0\.0\.1 has TLS that is too old: \d+ handshakes refused')

    def test_ports_are_ours(self):
        found = json.loads(self.mail.ctl('--json', 'preflight'))['checks']
        ports = [c for c in found if c['name'] == 'pre.ports'][0]
        for number in self.mail.ports.values():
            self.assertIn(f'{number} (ours)', ports['seen'])

    def hear(self, port, say):
        with socket.create_connection(('127.0.0.1', self.mail.ports[port]), 10) as s:
            f = s.makefile('rwb')
            if port in CLEAR:
                self.assertEqual(f.readline()[:4], b'220 ')
            f.write(say)
            f.flush()
            s.shutdown(socket.SHUT_WR)
            return f.read()

    def test_nobody_logs_in_before_tls(self):
        for port in CLEAR:
            with self.subTest(port):
                said = self.hear(port, b'EHLO client.example\r\n')
                self.assertIn(b'STARTTLS', said)
                self.assertNotIn(b'AUTH', said)
        for port, say in (('submissions', b'EHLO client.example\r\n'),
                          ('imaps', b'a CAPABILITY\r\n'), ('pop3s', b'CAPA\r\n')):
            with self.subTest(port):
                said = self.hear(port, say)
                # an alert at most
                self.assertFalse(said.strip(b'\x15\x03\x01\x02\x00\x0a\x16\x2f\x46'), said)


class Control(unittest.TestCase):
    """A scanner that cannot see what is on proves nothing."""

    def test_old_versions_are_seen_when_they_are_on(self):
        mail = Instance(accounts=(), daemons=('pop3d',))
        mail.tls = '  minimum: "1.0"\n'
        with mail:
            self.assertEqual(versions(scan(mail, 'pop3s'), '1'),
                             ON | {('tls', '1.0'), ('tls', '1.1')})


if __name__ == '__main__':
    harness.main(__name__)
