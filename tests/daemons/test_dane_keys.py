"""Certificates of both kinds, and their keys in TLSA records: what clients and the DNS see."""
import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

import harness
from acme_peers import Pebble, find_pebble
from cloudflare import Cloudflare
from instance import DOMAIN, CertificateAuthority, Instance
from peers import Names
from signed_names import SignedNames

MAIL = 'mail.' + DOMAIN
OWNER = '_25._tcp.' + MAIL
PORTS = {'smtp': 'smtp', 'submission': 'smtp', 'submissions': None, 'imaps': None,
         'pop3s': None}
# what a client can check, and in which versions
KINDS = {'EC': (('-tls1_3', '-sigalgs', 'ECDSA+SHA256'),
                ('-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256')),
         'RSA': (('-tls1_3', '-sigalgs', 'rsa_pss_rsae_sha256:RSA+SHA256'),
                 ('-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'))}


def wait(what, seconds=60):
    until = time.monotonic() + seconds
    while not what():
        if time.monotonic() > until:
            raise AssertionError('it did not come')
        time.sleep(0.1)


class Lagging:
    """A second server of the zone, which hands on to the first; but what somebody asks who
    does not want signatures, as a resolver does, it answers with the keys that it is told."""

    def __init__(self, port):
        self.first, self.keys = ('127.0.0.1', port), None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', 0))
        self.port = self.socket.getsockname()[1]
        self.asked = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                query, peer = self.socket.recvfrom(4096)
                self.socket.sendto(self.answer(query), peer)

    def answer(self, query):
        end = query.index(b'\0', 12) + 5
        # the DO bit of the OPT record, which is the last one of a query
        wants = b'\0\0\x29' in query[end:] and query[end + 7] & 0x80
        if wants or self.keys is None or query[end - 4:end - 2] != b'\0\x34':
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.settimeout(5)
                s.sendto(query, self.first)
                return s.recv(4096)
        self.asked += 1
        records = b''.join(b'\xc0\x0c\0\x34\0\1\0\0\0\x3c\0\x23\3\1\1' + bytes.fromhex(k)
                           for k in self.keys)
        return (query[:2] + b'\x84\0\0\1' + len(self.keys).to_bytes(2, 'big') + b'\0\0\0\0'
                + query[12:end] + records)

    def stop(self):
        self.socket.close()


class Keys(unittest.TestCase):
    """One instance in a signed zone, which Cloudflare serves: our Knot has its records."""

    @classmethod
    def setUpClass(cls):
        if not find_pebble():
            raise unittest.SkipTest('no pebble: it is unpacked by ./dev check, when apt-get '
                                    'can have it')
        cls.closing = contextlib.ExitStack()
        cls.addClassCleanup(cls.closing.close)
        cls.records = {'mail': {'A': ['127.0.0.1']}, '@': {'MX': [f'10 {MAIL}.']}}
        cls.names = cls.closing.enter_context(SignedNames(DOMAIN, cls.records))
        cls.names.start()
        cls.second = Lagging(cls.names.port)
        cls.closing.callback(cls.second.stop)
        other = Names({'ca.test': {'A': ['127.0.0.1']}})
        cls.closing.callback(other.stop)
        folder = tempfile.mkdtemp(prefix='vectis-')
        cls.closing.callback(shutil.rmtree, folder)
        outer = CertificateAuthority(folder)
        cls.cloud = Cloudflare(outer.issue('api', hosts=('localhost',)))
        cls.closing.callback(cls.cloud.stop)
        cls.zone = cls.cloud.zone(DOMAIN)
        cls.mail = mail = Instance(provider='letsencrypt',
                                   daemons=('smtpd', 'imapd', 'pop3d', 'acmed'))
        os.makedirs(mail.folder, exist_ok=True)
        mail.ca = CertificateAuthority(mail.folder)
        with open(outer.cert) as one, open(mail.ca.cert, 'a') as both:
            both.write(one.read())
        cls.pebble = Pebble(mail.ca, cls.names.port, mail.http_port, nonces=0, reuse=100)
        cls.closing.callback(cls.pebble.stop)
        mail.tls = (f'  email: postmaster@{DOMAIN}\n  authorities: {mail.ca.cert}\n'
                    '  dane: cloudflare\n')
        mail.settings = (f'acme:\n  directories: ["{cls.pebble.directory()}"]\n'
                         + cls.names.settings(f'{DOMAIN} 127.0.0.1@{cls.second.port}',
                                              f'ca.test 127.0.0.1@{other.port}')
                         + '  addresses: ["192.0.2.1"]\n'
                         + f'cloudflare:\n  api: {cls.cloud.base}\n')
        path = os.path.join(mail.folder, 'secrets.yaml')
        with open(path, 'w') as f:
            f.write(f'cloudflare:\n  api_token: "{cls.cloud.token([DOMAIN])}"\n')
        os.chmod(path, 0o600)
        cls.closing.enter_context(mail)
        wait(lambda: ' is served (rsa)' in mail.log('acmed'))

    # --- what is seen ---------------------------------------------------------------

    def shown(self, port, *arguments):
        """The kind and the digest of the key that a client sees."""
        starttls = ['-starttls', PORTS[port]] if PORTS[port] else []
        done = subprocess.run(
            ['openssl', 's_client', '-connect', f'127.0.0.1:{self.mail.ports[port]}',
             '-servername', MAIL, *starttls, *arguments], input=b'', stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, check=False, timeout=20)
        found = re.search(rb'-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----',
                          done.stdout, re.S)
        self.assertTrue(found, (port, arguments, done.stdout))
        key = subprocess.run(['openssl', 'x509', '-pubkey', '-noout'], input=found[0],
                             stdout=subprocess.PIPE, check=True).stdout
        der = base64.b64decode(b''.join(key.splitlines()[1:-1]))
        return 'RSA' if len(der) > 200 else 'EC', hashlib.sha256(der).hexdigest()

    def served(self, ports=tuple(PORTS)):
        """{kind: digest}, the same on each port."""
        seen = {}
        for port in ports:
            for kind, ways in KINDS.items():
                # how TLS chooses is the same on each port
                for way in ways if port == 'imaps' else ways[:1]:
                    got, digest = self.shown(port, *way)
                    self.assertEqual(got, kind, (port, way))
                    seen.setdefault(kind, digest)
                    self.assertEqual(seen[kind], digest, (port, way))
        return seen

    def published(self):
        """What acmed has set at the provider, each with our mark."""
        found = [r for r in self.zone.records if r['name'] == OWNER and r['type'] == 'TLSA']
        for r in found:
            self.assertEqual(r['comment'], 'vectis:tlsa')
        texts = {r['content'] for r in found}
        self.assertTrue(all(t.startswith('3 1 1 ') for t in texts), texts)
        return {t[6:] for t in texts}

    def keys(self):
        got = json.loads(self.mail.ctl('--json', 'cert', 'keys'))
        return ({k['kind']: k['sha256'] for k in got['keys']},
                {k['kind']: k for k in got['next']})

    # --- tests, in this order --------------------------------------------------------

    def test_1_each_client_gets_what_it_can_check(self):
        seen = self.served()
        keys, following = self.keys()
        self.assertEqual({'EC': keys['ecdsa'], 'RSA': keys['rsa']}, seen)
        self.assertEqual(set(following), {'ecdsa', 'rsa'})
        status = json.loads(self.mail.ctl('--json', 'cert', 'status'))
        (certificate,) = status['certificates']
        self.assertGreater(certificate['rsa']['days_left'], 1)
        self.assertEqual([p['kind'] for p in status['acme']], ['ecdsa', 'rsa'])
        self.assertEqual(len(os.listdir(self.mail.state + '/certs/mail@1')), 4)
        self.assertFalse(os.path.exists(self.mail.state + '/certs/mail@2'))

    def test_2_tls_test_sees_both(self):
        config = self.mail.config + '.believes'
        with open(self.mail.config) as f:
            text = f.read().replace(f'authorities: {self.mail.ca.cert}',
                                    f'authorities: {self.pebble.root()}')
        with open(config, 'w') as f:
            f.write(text)
        ctl = os.path.join(self.mail.build, 'vectisctl', 'vectisctl')
        done = subprocess.run([ctl, '-c', config, '--json', 'tls', 'test'],
                              stdout=subprocess.PIPE, check=False)
        seen = json.loads(done.stdout)['listeners']
        self.assertEqual([(x['listener'], x['key']) for x in seen],
                         [(p, k) for p in PORTS for k in ('ecdsa', 'rsa')])
        self.assertTrue(all(x['verified'] for x in seen), seen)

    def test_3_keys_in_use_and_next_are_published(self):
        wait(lambda: len(self.published()) == 4)
        keys, following = self.keys()
        wanted = set(keys.values()) | {k['sha256'] for k in following.values()}
        self.assertEqual(self.published(), wanted)
        # the plan is the same, and there is nothing to change
        plan = json.loads(self.mail.ctl('--json', 'dns', 'plan', DOMAIN))
        self.assertEqual({r['zone_value'][6:] for r in plan['records'] if r['type'] == 'TLSA'},
                         wanted)
        self.assertEqual({c['do'] for c in plan['changes']
                          if c.get('want', {}).get('type') == 'TLSA'}, {'keep'})

    def test_4_a_key_is_not_used_before_its_record_is_old(self):
        before = self.served(['imaps'])
        wait(lambda: len(self.published()) == 4)
        self.records['_25._tcp.mail'] = {'TLSA': ['3 1 1 ' + x for x in self.published()]}
        self.names.change(DOMAIN, self.records)
        # one server of the zone is behind: it names the keys that are in use, no others
        self.second.keys = list(self.keys()[0].values())
        time.sleep(2.5)  # what the resolver remembers is two seconds old at most
        self.assertIn('done', self.mail.ctl('cert', 'roll-keys'))
        self.assertGreater(self.second.asked, 0)
        for key in self.keys()[1].values():
            self.assertTrue(key['wanted'])
            self.assertFalse(key['seen'])
        self.second.keys = None
        wait(lambda: self.mail.ctl('cert', 'roll-keys') and
             all(k['seen'] for k in self.keys()[1].values()))
        _, following = self.keys()
        for key in following.values():
            self.assertTrue(key['wanted'])
            self.assertGreater(key['ready'], key['seen'] + 86000)
        # renewed meanwhile, for the keys that are in use (TLS-26)
        self.assertIn('done', self.mail.ctl('cert', 'renew', '--force'))
        self.assertEqual(self.served(['imaps', 'smtp']), before)
        self.assertEqual(self.keys()[1]['rsa']['sha256'], following['rsa']['sha256'])

    def test_5_both_are_switched_and_nobody_is_cut_off(self):
        before = self.served(['imaps'])
        failures, count, ended = [], [0], threading.Event()

        def load(rsa):
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            context.set_ciphers('ECDHE-RSA-AES128-GCM-SHA256' if rsa else
                                'ECDHE-ECDSA-AES128-GCM-SHA256')
            try:
                with self.connect(context) as held:
                    while not ended.is_set():
                        with self.connect(context) as one:
                            one.sendall(b'a noop\r\n')
                            if b'a OK' not in one.recv(1000):
                                failures.append('a new connection')
                        held.sendall(b'a noop\r\n')
                        if b'a OK' not in held.recv(1000):
                            failures.append('one that was open')
                        count[0] += 1
                        time.sleep(0.02)
            except OSError as e:
                failures.append(e)
        threads = [threading.Thread(target=load, args=(n % 2 == 0,)) for n in range(2)]
        for t in threads:
            t.start()
        try:
            wait(lambda: count[0] > 8)
            said = self.mail.ctl('cert', 'roll-keys', '--at-once', '--confirm')
            so_far = count[0]
            wait(lambda: count[0] > so_far + 8)
        finally:
            ended.set()
            for t in threads:
                t.join()
        self.assertIn('done', said)
        self.assertEqual(failures, [])
        after = self.served()
        for kind in KINDS:
            self.assertNotEqual(after[kind], before[kind])
        # those that were used stay for a while, the new next ones come
        wait(lambda: len(self.published()) == 6)
        self.assertLess(set(before.values()) | set(after.values()), self.published())

    def connect(self, context):
        plain = socket.create_connection(('127.0.0.1', self.mail.ports['imaps']), 20)
        tls = context.wrap_socket(plain, server_hostname=MAIL)
        tls.recv(1000)
        return tls

    def test_6_at_once_has_to_be_meant(self):
        with self.assertRaisesRegex(RuntimeError, 'add --confirm'):
            self.mail.ctl('cert', 'roll-keys', '--at-once')
        with self.assertRaisesRegex(RuntimeError, 'no such certificate'):
            self.mail.ctl('cert', 'roll-keys', 'nothing')


if __name__ == '__main__':
    harness.main(__name__)
