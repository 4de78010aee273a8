"""How acmed proves names, and what it looks at before it asks: one instance for all."""
import contextlib
import http.server
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import harness
from acme_peers import Pebble, Proxy, find_pebble
from instance import DOMAIN, CertificateAuthority, Instance, free_ports
from peers import Names

MAIL = 'mail.' + DOMAIN
# of this host, each with other listeners
HTTP, TLS, OTHER = '127.0.0.1', '127.0.0.2', '127.0.0.3'

KEY = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'

# id: (name, its records, what is said when it is not ordered; None: it is)
CASES = {
    'tls': ('tls.test', {'A': [TLS]}, None),
    'tree': ('tree.good.test', {'A': [HTTP]}, None),
    'away': ('away.test', {'A': ['203.0.113.7']},
             'its A record 203.0.113.7 is not an address of this server'),
    'half': ('half.test', {'A': [HTTP, '203.0.113.8']}, 'its A record 203.0.113.8'),
    'proxied': ('proxied.test', {'A': ['104.16.0.1']}, 'a proxy of Cloudflare'),
    'taken': ('taken.test', {'A': [OTHER]}, 'another program answers on port'),
    'none': ('none.test', {'TXT': ['x']}, 'it has no address'),
    'caa': ('x.caa.test', {'A': [HTTP]}, 'the CAA records of caa.test let only others issue'),
    'account': ('account.test', {'A': [HTTP], 'CAA': [
        '0 issue ca.test; accounturi=https://ca.test/1']}, 'is for another account'),
    'methods': ('methods.test', {'A': [HTTP], 'CAA': [
        '0 issue ca.test; validationmethods=dns-01']}, 'validationmethods'),
    'silent': ('silent.test', {'A': [HTTP]}, 'its name servers do not answer'),
}


ALPN = ('-alpn', 'acme-tls/1')
GOOD_12 = [f'ECDHE-ECDSA-{c}' for c in ('AES128-GCM-SHA256', 'AES256-GCM-SHA384',
                                        'CHACHA20-POLY1305')]
GOOD_13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']
BAD_12 = ':'.join(('ALL', 'COMPLEMENTOFALL', *('!' + c for c in GOOD_12), '@SECLEVEL=0'))
OLD = ('-cipher', 'ALL:@SECLEVEL=0')
GROUPS = ('X25519', 'P-256', 'P-384')
# what a client of TLS-ALPN-01 offers, and whether it is answered
SCAN = [
    *((True, '-tls1_2', '-cipher', c, *ALPN) for c in GOOD_12),
    *((True, '-tls1_3', '-ciphersuites', c, *ALPN) for c in GOOD_13),
    *((True, v, '-groups', g, *ALPN) for v in ('-tls1_2', '-tls1_3') for g in GROUPS),
    *((False, v, '-groups', 'P-521:X448:ffdhe2048', *ALPN) for v in ('-tls1_2', '-tls1_3')),
    (False, '-tls1_2', '-cipher', BAD_12, *ALPN),
    (False, '-tls1_3', '-ciphersuites', 'TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256', *ALPN),
    (False, '-tls1', *OLD, *ALPN), (False, '-tls1_1', *OLD, *ALPN),
    (False, '-tls1_3'), (False, '-tls1_3', '-alpn', 'http/1.1'),
    (False, '-tls1_2', '-alpn', 'h2'),
]


class Somebody(http.server.BaseHTTPRequestHandler):
    """Another program at port 80."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'<html>It works!</html>')

    def log_message(self, *args):
        pass


class Shared(unittest.TestCase):
    """An instance, a name server, and Pebble behind a proxy that says how it is called."""

    @classmethod
    def setUpClass(cls):
        if not find_pebble():
            raise unittest.SkipTest('no pebble: it is unpacked by ./dev check, when apt-get can '
                                    'have it')
        closing = contextlib.ExitStack()
        cls.addClassCleanup(closing.close)
        cls.names = Names({MAIL: {'A': [HTTP]}, 'ca.test': {'A': [HTTP]},
                           'caa.test': {'CAA': ['0 issue other.example']},
                           'good.test': {'CAA': ['0 issue other.example', '0 issue CA.test']}},
                          tcp=True)
        closing.callback(cls.names.stop)
        for name, records, _ in CASES.values():
            cls.names.records[name] = records
        cls.names.broken.add('silent.test')
        cls.mail = mail = Instance(provider='letsencrypt', daemons=('imapd', 'acmed'))
        os.makedirs(mail.folder, exist_ok=True)
        mail.ca = ca = CertificateAuthority(mail.folder)
        (cls.port,) = free_ports(1)
        # it wants accounts of elsewhere, and each authority has its own
        cls.pebble = Pebble(ca, cls.names.port, mail.http_port, nonces=0, tls_port=cls.port,
                            keys={'kid-1': KEY})
        closing.callback(cls.pebble.stop)
        cls.proxy = Proxy(cls.pebble)
        closing.callback(cls.proxy.stop)
        cls.proxy.after = cls.identify
        cls.proxy.before = cls.look
        cls.found = {}
        other = http.server.ThreadingHTTPServer((OTHER, mail.http_port), Somebody)
        closing.callback(other.server_close)
        closing.callback(other.shutdown)
        threading.Thread(target=other.serve_forever, daemon=True).start()
        mail.tls = (f'  email: postmaster@{DOMAIN}\n  authorities: {ca.cert}\n'
                    '  key_type: ecdsa\n  certificates:\n'
                    + ''.join(f'    - "{i} {c[0]}"\n' for i, c in CASES.items()))
        mail.settings = (f'acme:\n  directories: ["{cls.pebble.directory(cls.proxy.port)}"]\n'
                         f'  alpn_listen: ["{TLS}:{cls.port}"]\n  alpn_port: {cls.port}\n'
                         + cls.names.settings('test') + f'  addresses: ["{HTTP}"]\n')
        with open(os.path.join(mail.folder, 'secrets.yaml'), 'w') as f:
            f.write('acme:\n  eab_kid: wrong\n  eab_key: d3Jvbmc\n'
                    f'  eab: ["ca.test-{cls.proxy.port} kid-1 {KEY}"]\n')
        os.chmod(f.name, 0o600)
        closing.enter_context(mail)

    @staticmethod
    def identify(n, method, path, status, fields, body):
        """Older ones do not say what CAA records call them."""
        if path != '/dir':
            return None
        directory = json.loads(body)
        directory.setdefault('meta', {})['caaIdentities'] = ['ca.test']
        return status, fields, json.dumps(directory).encode()

    @classmethod
    def look(cls, n, method, path):
        """Before an authority hears that it may look, somebody else does."""
        if path.startswith('/chalZ/') and not cls.found and cls.hello('acme-tls/1', 'tls.test'):
            with ThreadPoolExecutor(8) as pool:
                cls.found = dict(zip(SCAN, pool.map(lambda s: cls.talks(*s[1:]), SCAN)))

    @classmethod
    def talks(cls, *options):
        said = subprocess.run(
            ('openssl', 's_client', '-connect', f'{TLS}:{cls.port}', '-servername', 'tls.test',
             *options), input='', stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            universal_newlines=True, timeout=30, check=False).stdout
        return 'ALPN protocol: acme-tls/1' in said

    def wait(self, what, seconds=60):
        until = time.monotonic() + seconds
        while not what():
            if time.monotonic() > until:
                self.fail('it did not come:\n' + self.mail.log('acmed') + self.pebble.said())
            time.sleep(0.1)

    def plans(self):
        return {p['name']: p for p in
                json.loads(self.mail.ctl('--json', 'cert', 'status'))['acme']}

    def served(self, name):
        """The certificate for a name, as text."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection((HTTP, self.mail.ports['imaps']), 10) as plain:
            with context.wrap_socket(plain, server_hostname=name) as tls:
                return subprocess.run(
                    ['openssl', 'x509', '-inform', 'DER', '-noout', '-text'],
                    input=tls.getpeercert(True), stdout=subprocess.PIPE,
                    check=True).stdout.decode()

    def orders(self):
        """What was asked for, in order."""
        return [(sorted(i['value'] for i in payload['identifiers']), payload)
                for path, payload in self.proxy.payloads if path == '/order-plz' and payload]

    @classmethod
    def hello(cls, alpn, name):
        """Whether somebody who connects as an authority does sees a certificate."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols([alpn])
        with contextlib.suppress(OSError):
            with socket.create_connection((TLS, cls.port), 10) as plain:
                context.wrap_socket(plain, server_hostname=name).close()
                return True
        return False


class Challenges(Shared):
    def test_1_what_cannot_work_costs_nothing(self):
        """Each is told with what to do; the others are served (TLS-02, DX-TL-02 to 04)."""
        self.wait(lambda: 'silent.test: ' in self.mail.log('acmed'))
        plans = self.plans()
        log = self.mail.ctl('logs', 'acme')
        good = {MAIL}
        for ident, (name, _, refusal) in CASES.items():
            with self.subTest(ident):
                plan = plans[ident]
                if refusal is None:
                    good.add(name)
                    self.assertTrue(plan['there'], plan)
                    self.assertIn('DNS:' + name, self.served(name))
                else:
                    self.assertEqual(plan['failures'], 1, plan)
                    self.assertIn(f'{name}: ', plan['problem'])
                    self.assertIn(refusal, plan['problem'])
                    self.assertIn(plan['problem'], log)
                    self.assertIn(plan['problem'], self.mail.ctl('cert', 'status'))
                    self.assertFalse(plan['stopped'])
        self.assertEqual(sorted(n for names, _ in self.orders() for n in names), sorted(good))
        self.assertEqual(self.pebble.said().count('set INVALID'), 0)

    def test_2_by_tls(self):
        """RFC 8737: at an address where port 80 takes no connections."""
        log = self.mail.log('acmed')
        self.assertIn('type=tls-alpn-01', log)
        self.assertIn('"challenge answered" host=' + MAIL, log)
        self.assertNotIn('"challenge answered" host=tls.test', log)
        # nothing is under way, and nobody else is ever answered
        self.assertFalse(self.hello('acme-tls/1', 'tls.test'))
        self.assertFalse(self.hello('http/1.1', 'tls.test'))
        # while there was something: the versions, suites and groups of every listener
        for offer in SCAN:
            with self.subTest(' '.join(offer[1:])):
                self.assertEqual(self.found.get(offer), offer[0])

    def test_3_domain_check(self):
        """DX-TL-03 and DX-TL-04, of all names that are ordered."""
        self.names.records['proxied.test'] = {'A': [HTTP]}
        done = subprocess.run(
            [os.path.join(self.mail.build, 'vectisctl', 'vectisctl'), '-c', self.mail.config,
             '--json', 'domain', 'check', DOMAIN], stdout=subprocess.PIPE, check=False)
        checks = {c['name']: c for c in json.loads(done.stdout)['checks']}
        asked, answered = checks['acme.a_record'], checks['acme.proxy']
        self.assertEqual(asked['verdict'], 'fail')
        for text in ('away.test leads to 203.0.113.7', 'half.test leads to 203.0.113.8',
                     'none.test has no address'):
            self.assertIn(text, asked['seen'])
        self.assertNotIn('proxied.test', asked['seen'])
        self.assertIn(f'away.test A {HTTP}', asked['fix'])
        self.assertEqual((answered['verdict'], answered['seen']),
                         ('pass', 'acmed answers on port 80'))
        self.assertFalse(os.path.exists(self.mail.state + '-acme/check'))

    def test_3_mended(self):
        """What was told is done, and then it is ordered."""
        self.names.records['x.caa.test'] = {'A': [HTTP], 'CAA': ['0 issue ca.test']}
        self.assertIn('done', self.mail.ctl('cert', 'renew', 'caa', '--force'))
        self.assertIn('DNS:x.caa.test', self.served('x.caa.test'))

    def test_3_revoked_by_its_key(self):
        """RFC 8555 7.6: a copy of what is served, and of its key, is enough."""
        folder = os.path.join(self.mail.folder, 'stolen')
        shutil.copytree(self.mail.state + '/certs/tree', folder)
        old = self.served('tree.good.test')
        text = ('--key', folder + '/privkey.pem', '--certificate', folder + '/fullchain.pem')
        with self.assertRaisesRegex(RuntimeError, '--confirm'):
            self.mail.ctl('cert', 'revoke', *text)
        with self.assertRaisesRegex(RuntimeError, 'not that of the certificate'):
            self.mail.ctl('cert', 'revoke', 'tls', *text[:2], '--confirm')
        with self.assertRaisesRegex(RuntimeError, 'no such certificate or authority'):
            self.mail.ctl('cert', 'revoke', *text, '--authority', 'nobody', '--confirm')
        self.assertIn('revoked', self.mail.ctl('cert', 'revoke', *text, '--confirm', '--reason',
                                               'key-compromise'))
        serial = subprocess.run(['openssl', 'x509', '-noout', '-serial', '-in', text[3]],
                                stdout=subprocess.PIPE, check=True).stdout.decode()
        self.assertEqual(self.pebble.status(serial.strip().split('=')[1]), 'Revoked')
        # it was installed: another one is there, for another key
        self.wait(lambda: self.served('tree.good.test') != old)
        with open(self.mail.state + '/certs/tree/privkey.pem') as new:
            with open(folder + '/privkey.pem') as stolen:
                self.assertNotEqual(new.read(), stolen.read())
        # once more, of what is not installed any more
        self.assertIn('before', self.mail.ctl('cert', 'revoke', *text, '--confirm'))
        self.assertFalse(os.listdir(self.mail.state + '-acme/ask'))

    # --- what newer authorities can, when the one that was found does ---------------

    def directory(self):
        return self.pebble.ask('/dir')

    def test_4_a_proof_for_good(self):
        """dns-persist-01: a name without an address, proven by a record that stays."""
        plan = self.plans()['none']
        if not plan['persists']:
            self.skipTest('this pebble offers no dns-persist-01, as 2.10 does')
        record = f'{plan["persists"]}; accounturi={plan["account"]}'
        self.assertIn(f'_validation-persist.none.test. TXT "{record}"',
                      self.mail.ctl('cert', 'status'))
        answered = self.mail.log('acmed').count('challenge answered')
        for wrong in (record + '1', 'x' + record, record + '; persistUntil=1000'):
            self.names.records['_validation-persist.none.test'] = {'TXT': [wrong]}
            time.sleep(1)  # as long as it is remembered that there is none
            with self.assertRaisesRegex(RuntimeError, 'none.test'):
                self.mail.ctl('cert', 'renew', 'none', '--force')
        self.names.records['_validation-persist.none.test'] = {'TXT': [record]}
        time.sleep(1)
        self.assertIn('done', self.mail.ctl('cert', 'renew', 'none', '--force'))
        self.assertIn('DNS:none.test', self.served('none.test'))
        self.assertEqual(self.mail.log('acmed').count('challenge answered'), answered)

    def test_5_profile(self):
        if 'profiles' not in self.directory().get('meta', {}):
            self.skipTest('this pebble has no profiles, as 2.8 has')
        self.assertEqual({o.get('profile') for _, o in self.orders()}, {'tlsserver'})
        end = ssl.cert_time_to_seconds(
            self.served(MAIL).split('Not After : ')[1].split('\n')[0])
        self.assertLess(abs(end - time.time() - 3888000), 7200)

    def test_6_renewal_information(self):
        """RFC 9773: in a window that is past it is renewed at once, and replaces."""
        if 'renewalInfo' not in self.directory():
            self.skipTest('this pebble says nothing of renewals, as 2.6 does')
        old = self.served('tls.test')
        past = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() - 9000))
        end = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() - 5400))
        with open(self.mail.state + '/certs/tls/fullchain.pem') as f:
            pem = f.read().split('-----END')[0] + '-----END CERTIFICATE-----\n'
        said = self.pebble.set_window(pem, {
            'suggestedWindow': {'start': past, 'end': end},
            'explanationURL': 'https://ca.test/why'})
        if not said:
            self.skipTest('this pebble says no window that tests set, as 2.10 does')
        # it is asked again soon: now
        self.mail.kill('acmed', signal.SIGTERM)
        path = self.mail.state + '-acme/state.json'
        with open(path) as f:
            state = json.load(f)
        for cert in state['certs']:
            if cert['id'] == 'tls':
                cert.pop('window_next', None)
        with open(path, 'w') as f:
            json.dump(state, f)
        before = len(self.orders())
        self.mail.start('acmed')
        self.wait(lambda: len(self.orders()) > before)
        names, order = self.orders()[before]
        self.assertEqual(names, ['tls.test'])
        self.assertRegex(order['replaces'], r'^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$')
        self.wait(lambda: self.served('tls.test') != old)
        self.wait(lambda: 'certificate for tls.test' in self.mail.ctl('logs', 'acme', '--tail',
                                                                      '5'))
        self.assertIn('https://ca.test/why', self.mail.ctl('logs', 'acme'))

    def test_7_without_looking(self):
        """acme.preflight: what is told to go wrong goes wrong at the authority."""
        self.mail.kill('acmed', signal.SIGTERM)
        with open(self.mail.config) as f:
            text = f.read().replace('\nacme:\n', '\nacme:\n  preflight: no\n')
        with open(self.mail.config, 'w') as f:
            f.write(text)
        self.mail.start('acmed')
        before = len(self.orders())
        # Pebble does not look at CAA, and finds away.test where we cannot
        self.names.records['away.test'] = {'A': [OTHER]}
        self.assertIn('done', self.mail.ctl('cert', 'renew', 'account', '--force'))
        with self.assertRaisesRegex(RuntimeError, 'away.test'):
            self.mail.ctl('cert', 'renew', 'away', '--force')
        self.assertEqual([n for n, _ in self.orders()[before:]],
                         [['account.test'], ['away.test']])


if __name__ == '__main__':
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    harness.main(__name__)
