"""Certificates from an authority: acmed with Pebble, whole, disturbed, and killed."""
import contextlib
import glob
import hashlib
import itertools
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

import harness
from acme_peers import Pebble, Proxy, find_pebble
from cloudflare import EDIT, Cloudflare
from instance import DOMAIN, CertificateAuthority, Instance, run
from peers import Names

MAIL = 'mail.' + DOMAIN


class Authority(unittest.TestCase):
    """Each test has its own instance, name server and authority."""

    def setUp(self):
        if not find_pebble():
            self.skipTest('no pebble: it is unpacked by ./dev check, when apt-get can have it')
        self.names = Names({MAIL: {'A': ['127.0.0.1']}, 'ca.test': {'A': ['127.0.0.1']}})
        self.closing = contextlib.ExitStack()
        self.addCleanup(self.closing.close)

    def prepare(self, nonces=30, reuse=0, proxy=False, tls='', settings='', daemons=None,
                keys=None, secrets=lambda mail: None, at_once=True):
        daemons = daemons or ('imapd', 'acmed')[:1 + at_once]
        mail = Instance(provider='letsencrypt', daemons=daemons)
        os.makedirs(mail.folder, exist_ok=True)
        ca = CertificateAuthority(mail.folder)
        mail.pebble = self.pebble = Pebble(ca, self.names.port, mail.http_port, nonces, reuse,
                                           keys)
        self.closing.callback(self.pebble.stop)
        port = self.pebble.port
        if proxy:
            mail.proxy = self.proxy = Proxy(self.pebble)
            self.closing.callback(self.proxy.stop)
            port = self.proxy.port
        mail.ca = ca
        # both kinds of keys are test_dane_keys.py's
        kind = '' if 'key_type' in tls else '  key_type: ecdsa\n'
        mail.tls = (f'  email: postmaster@{DOMAIN}\n  authorities: {ca.cert}\n' + kind + tls)
        mail.settings = (f'acme:\n  directories: ["{self.pebble.directory(port)}"]\n'
                         + self.names.settings('test') + settings)
        secrets(mail)
        self.closing.enter_context(mail)
        return mail

    @staticmethod
    def start_anew(mail):
        """acmed without an account, a past, and a log."""
        shutil.rmtree(mail.state + '-acme', ignore_errors=True)
        with open(os.path.join(mail.folder, 'acmed.log'), 'w'):
            pass
        mail.start('acmed')

    def served(self, mail, port='imaps'):
        """The certificate that a listener shows, as DER."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with socket.create_connection(('127.0.0.1', mail.ports[port]), 10) as plain:
            with context.wrap_socket(plain, server_hostname=MAIL) as tls:
                return tls.getpeercert(True)

    def text(self, der, *what):
        done = subprocess.run(['openssl', 'x509', '-inform', 'DER', '-noout', *what],
                              input=der, stdout=subprocess.PIPE, check=True)
        return done.stdout.decode()

    def issued(self, mail, port='imaps'):
        return 'Pebble' in self.text(self.served(mail, port), '-issuer')

    def wait(self, what, seconds=60, mail=None):
        mail = mail or self.mail
        until = time.monotonic() + seconds
        while not what():
            if time.monotonic() > until:
                self.fail('it did not come:\n' + mail.log('acmed') + mail.pebble.said())
            time.sleep(0.1)


class Issues(Authority):
    def test_first_certificate_and_its_renewal(self):
        self.mail = mail = self.prepare(daemons=('smtpd', 'imapd', 'pop3d', 'acmed'))
        self.wait(lambda: all(self.issued(mail, p) for p in ('imaps', 'pop3s', 'submissions')))
        # it is over a moment after the last daemon serves it
        self.wait(lambda: 'text="certificate for ' in mail.log('acmed'))
        # what Pebble vouches for is believed by whoever believes Pebble
        context = ssl.create_default_context(cafile=self.pebble.root())
        with socket.create_connection(('127.0.0.1', mail.ports['imaps']), 10) as plain:
            tls = context.wrap_socket(plain, server_hostname=MAIL)
            tls.recv(1000)
            first = self.served(mail)
            key = self.text(first, '-pubkey')
            # a connection that is open stays so (TLS-13), and the key is the same (TLS-26)
            self.assertIn('not due', mail.ctl('cert', 'renew'))
            self.assertIn('done', mail.ctl('cert', 'renew', '--force'))
            # it is done when all serve it
            self.assertNotEqual(self.served(mail), first)
            self.assertEqual(self.text(self.served(mail), '-pubkey'), key)
            tls.sendall(b'a noop\r\n')
            self.assertIn(b'a OK', tls.recv(1000))
            tls.close()
        self.assertEqual(len(glob.glob(mail.state + '/certs/mail@*')), 2)
        self.look_at_tools(mail)

    def look_at_tools(self, mail):
        status = json.loads(mail.ctl('--json', 'cert', 'status'))
        (plan,) = status['acme']
        self.assertEqual((plan['name'], plan['failures'], plan['stopped']), ('mail', 0, False))
        self.assertGreater(plan['due'], time.time() + 86400)
        self.assertIn('/my-account/', plan['account'])
        self.assertEqual({w['serial'] for w in status['workers']},
                         {status['certificates'][0]['serial']})
        (key,) = json.loads(mail.ctl('--json', 'cert', 'keys'))['keys']
        spki = subprocess.run(
            ['openssl', 'pkey', '-pubin', '-outform', 'DER'], stdout=subprocess.PIPE, check=True,
            input=self.text(self.served(mail), '-pubkey').encode()).stdout
        self.assertEqual(key['sha256'], hashlib.sha256(spki).hexdigest())
        lines = json.loads(mail.ctl('--json', 'logs', 'acme'))['lines']
        self.assertTrue(any('is served' in line for line in lines), lines)
        self.assertEqual(len(json.loads(mail.ctl('--json', 'logs', 'acme', '--tail', '1'))
                             ['lines']), 1)
        # who believes Pebble believes what is served, on each port
        config = mail.config + '.believes'
        with open(mail.config) as f:
            text = f.read().replace(f'authorities: {mail.ca.cert}',
                                    f'authorities: {self.pebble.root()}')
        with open(config, 'w') as f:
            f.write(text)
        ctl = os.path.join(mail.build, 'vectisctl', 'vectisctl')
        seen = json.loads(run(ctl, '-c', config, '--json', 'tls', 'test'))['listeners']
        self.assertEqual([x['listener'] for x in seen],
                         ['smtp', 'submission', 'submissions', 'imaps', 'pop3s'])
        for x in seen:
            self.assertTrue(x['verified'], x)
            self.assertEqual(x['version'], 'TLS1.3')
        done = subprocess.run([ctl, '-c', mail.config, 'tls', 'test'], stdout=subprocess.PIPE,
                              check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b'not believed', done.stdout)
        # revoked, and another one is there for another key
        self.assertIn('revoked', mail.ctl('cert', 'revoke', '--reason', 'key-compromise',
                                          '--confirm'))
        self.wait(lambda: json.loads(mail.ctl('--json', 'cert', 'keys'))['keys'][0]['sha256']
                  != key['sha256'])
        self.assertIn('done', mail.ctl('cert', 'roll-over', plan['authority']))
        self.assertIn('done', mail.ctl('cert', 'renew', '--force'))

    def test_names_and_sni(self):
        for name in ('imap.' + DOMAIN, 'shop.test', 'mail.shop.test'):
            self.names.add(name, 'A', '127.0.0.1')
        self.mail = mail = self.prepare(
            reuse=100, tls=f'  names: [imap.{DOMAIN}]\n  key_type: rsa\n'
                           '  certificates: ["shop mail.shop.test shop.test"]\n')

        def names(asked):
            context = ssl.create_default_context(cafile=self.pebble.root())
            with socket.create_connection(('127.0.0.1', mail.ports['imaps']), 10) as plain:
                with contextlib.suppress(ssl.SSLError):
                    with context.wrap_socket(plain, server_hostname=asked) as tls:
                        return {n for _, n in tls.getpeercert()['subjectAltName']}
            return set()
        self.wait(lambda: names('mail.shop.test'))
        self.assertEqual(names(MAIL), {MAIL, 'imap.' + DOMAIN})
        self.assertEqual(names('shop.test'), {'mail.shop.test', 'shop.test'})
        self.assertIn('rsaEncryption', self.text(self.served(mail), '-text'))

    def test_port_80(self):
        self.mail = mail = self.prepare()
        self.wait(lambda: self.issued(mail))

        def ask(text):
            with socket.create_connection(('127.0.0.1', mail.http_port), 10) as s:
                s.sendall(text)
                s.shutdown(socket.SHUT_WR)
                return b''.join(iter(lambda: s.recv(4096), b''))
        got = ask(b'GET /a?b HTTP/1.1\r\nHost: x.test\r\nConnection: close\r\n\r\n')
        self.assertTrue(got.startswith(b'HTTP/1.1 301 '), got)
        self.assertIn(b'\r\nLocation: https://x.test/a?b\r\n', got)
        for path in (b'', b'x', b'../state.json', b'%2e%2e'):
            got = ask(b'GET /.well-known/acme-challenge/' + path
                      + b' HTTP/1.0\r\n\r\n')
            self.assertTrue(got.startswith(b'HTTP/1.1 404 '), got)
        for bad in (b'GET / HTTP/1.1\n\n', b'GET / HTTP/1.1\r\n\r\n',
                    b'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'):
            self.assertTrue(ask(bad).startswith(b'HTTP/1.1 400 '))
        # curl finds its way, too
        head = run('curl', '-sI', f'http://127.0.0.1:{mail.http_port}/')
        self.assertIn('Location: https://127.0.0.1/', head)

    def test_secrets_stay(self):
        self.mail = mail = self.prepare()
        self.wait(lambda: self.issued(mail))
        path = mail.state + '-acme/state.json'
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(mail.state + '-acme').st_mode & 0o777, 0o700)
        with open(path) as f:
            self.assertIn('PRIVATE KEY', f.read())
        self.assertNotIn('PRIVATE KEY', mail.log('acmed'))
        # nothing of it is in what all daemons may read
        account = run('grep', '-o', 'https://ca.test[^"]*/my-account/[^"]*', path).split()[0]
        found = subprocess.run(['grep', '-rlF', account, mail.state], stdout=subprocess.PIPE,
                               check=False).stdout
        self.assertEqual(found, b'')

    def test_names_that_do_not_point_here(self):
        del self.names.records[MAIL]
        self.mail = mail = self.prepare()
        self.wait(lambda: 'it has no address' in mail.log('acmed'))
        # what cannot work is not asked for
        self.assertNotIn('POST /order-plz', self.pebble.said())


class Records(Authority):
    """Names that are proven by records at Cloudflare, here one of our own."""

    def prepare_records(self, token, mode=0o600):
        folder = tempfile.mkdtemp(prefix='vectis-')
        self.addCleanup(shutil.rmtree, folder)
        ca = CertificateAuthority(folder)
        self.cloud = cloud = Cloudflare(ca.issue('api', hosts=('localhost',)))
        self.addCleanup(cloud.stop)
        self.zone = cloud.zone(DOMAIN)
        base, answer = dict(self.names.records), self.names.answer

        def merged(query):
            self.names.records = {**base, **self.zone.answers()}
            return answer(query)
        self.names.answer = merged

        def write(mail):
            path = os.path.join(mail.folder, 'secrets.yaml')
            with open(path, 'w') as f:
                f.write(f'cloudflare:\n  api_token: "{token(cloud)}"\n')
            os.chmod(path, mode)
            mail.proxy.after = self.name_caa
            # both are believed: Pebble's own certificate and the API's
            with open(ca.cert) as one, open(mail.ca.cert, 'a') as both:
                both.write(one.read())
        return self.prepare(
            proxy=True, secrets=write, settings=f'cloudflare:\n  api: {cloud.base}\n',
            tls=f'  dns_challenge: cloudflare\n  names: ["*.{DOMAIN}", {DOMAIN}]\n')

    @staticmethod
    def name_caa(n, method, path, status, fields, body):
        """Pebble says nothing of its names in CAA."""
        if path == '/dir':
            directory = json.loads(body)
            directory['meta']['caaIdentities'] = ['ca.test', 'a"; b']
            return status, fields, json.dumps(directory).encode()

    def test_wildcard_and_its_base(self):
        """Two values at one name; no port 80, and no address (TLS-03 to TLS-05)."""
        del self.names.records[MAIL]
        self.mail = mail = self.prepare_records(lambda cloud: cloud.token([DOMAIN]))
        self.wait(lambda: self.issued(mail), 90)
        text = self.text(self.served(mail), '-ext', 'subjectAltName')
        for name in (MAIL, f'*.{DOMAIN}', DOMAIN):
            self.assertIn('DNS:' + name, text)
        self.wait(lambda: not self.zone.records)
        self.assertNotIn('challenge answered', mail.log('acmed'))
        # the account that it has there gets into CAA (RFC 8657 3)
        mail.settings = mail.settings.replace('dns:\n', 'dns:\n  addresses: ["192.0.2.1"]\n')
        mail.write_config()
        mail.ctl('dns', 'apply', DOMAIN, '--yes')
        caa, = self.zone.say('CAA', MAIL)
        self.assertRegex(caa, rf'^0 issue "ca\.test; accounturi=https://ca\.test:'
                              rf'{self.proxy.port}/my-account/\w+"$')

    def test_token_that_may_not(self):
        self.mail = mail = self.prepare_records(
            lambda cloud: cloud.token([DOMAIN], EDIT - {'dns:edit'}))
        self.wait(lambda: 'text="' in mail.log('acmed').replace('text="account', ''))
        self.assertFalse(self.zone.records)
        token = list(self.cloud.tokens)[0]
        self.assertNotIn(token, mail.log('acmed'))
        self.assertNotIn(token, mail.ctl('logs', 'acme'))

    def test_secrets_that_others_can_read(self):
        with contextlib.suppress(RuntimeError):
            self.mail = mail = self.prepare_records(lambda cloud: cloud.token([DOMAIN]),
                                                    mode=0o644)
            self.wait(lambda: 'chmod 600' in mail.log('acmed'))
            self.assertEqual(mail.processes['acmed'].wait(10), 2)

    def test_external_account(self):
        key = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W'

        def write(mail):
            path = os.path.join(mail.folder, 'secrets.yaml')
            with open(path, 'w') as f:
                f.write('acme:\n  eab_kid: kid-1\n  eab_key: "' + key + '"\n')
            os.chmod(path, 0o600)
        self.mail = mail = self.prepare(keys={'kid-1': key}, secrets=write)
        self.wait(lambda: self.issued(mail))


class Disturbed(Authority):
    def test_what_goes_by(self):
        """Answers that make acmed come again soon, at every place of one order."""
        limited = b'{"type":"urn:ietf:params:acme:error:rateLimited","detail":"later"}'
        problem = ('Content-Type', 'application/problem+json')
        left = [(503, '1', b'<html>busy</html>', 'nonce'), (503, None, b'', 'order-plz'),
                (429, '2', limited, 'order-plz'), (503, '1', b'', 'authZ'),
                (429, '1', limited, 'chalZ'), (503, '1', b'', 'finalize-order'),
                (503, '1', b'', 'certZ')]

        def before(n, method, path):
            for said in left:
                status, later, body, where = said
                if where not in path:
                    continue
                left.remove(said)
                if later is None:
                    later = time.strftime('%a, %d %b %Y %H:%M:%S GMT',
                                          time.gmtime(time.time() + 3))
                return status, [('Retry-After', later), problem], body
            return None
        self.mail = mail = self.prepare(proxy=True, nonces=0)
        self.proxy.before = before
        self.wait(lambda: self.issued(mail), 90)
        self.assertFalse(left)
        self.assertEqual(self.proxy.paths.count('/order-plz'), 3)

    def test_what_is_no_answer(self):
        """Cut, truncated, and of the wrong kind: acmed says so and waits."""
        self.mail = mail = self.prepare(proxy=True, nonces=0)
        mail.kill('acmed')
        for before in (lambda n, m, p: 'cut' if 'order-plz' in p else None,
                       lambda n, m, p: (200, [], b'{"status":') if 'order-plz' in p else None,
                       lambda n, m, p: (502, [], b'<html>') if p == '/dir' else None):
            self.proxy.begin()
            self.proxy.before = before
            self.start_anew(mail)
            self.wait(lambda: ' text=' in mail.log('acmed').replace('text="account', ''), 60)
            time.sleep(1)
            self.assertLess(self.proxy.count, 30)
            self.assertFalse(self.issued(mail))
            mail.kill('acmed')

    def test_paused(self):
        self.mail = mail = self.prepare(proxy=True, nonces=0)
        self.proxy.before = lambda n, method, path: (429, [], (
            b'{"type":"urn:ietf:params:acme:error:rateLimited","detail":'
            b'"visit https://ca.test/sfe/v1/unpause?jwt=abc"}')) \
            if 'order-plz' in path else None
        self.wait(lambda: 'unpause?jwt=abc' in mail.log('acmed'))
        time.sleep(3)
        self.assertEqual(self.proxy.paths.count('/order-plz'), 1)


class Killed(Authority):
    STATIONS = 4  # side by side: an order is mostly waiting

    def test_at_every_step(self):
        """acmed dies at each request, before or after the authority has seen it."""
        stations = [self.prepare(proxy=True, nonces=0, at_once=False)
                    for _ in range(self.STATIONS)]
        numbers, failures, last = itertools.count(1), [], []

        def work(mail):
            for number in numbers:
                if last or failures:
                    return
                try:
                    if not self.die_at(mail, number):
                        last.append(number)
                except Exception as e:  # pylint: disable=broad-except
                    failures.append((number, e, mail.log('acmed'), mail.pebble.said()))
        threads = [threading.Thread(target=work, args=(mail,)) for mail in stations]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for number, e, log, said in failures:
            print(f'at request {number}: {e!r}\n{log}{said}')
        self.assertFalse(failures)
        self.assertGreater(min(last), 8)

    def die_at(self, mail, number):
        """From nothing to a certificate; False: there were not so many requests."""
        killed, hurried, proxy = [], [], mail.proxy
        old, since = self.served(mail), len(mail.pebble.said(0))
        for path in glob.glob(mail.state + '/certs/mail*'):
            (os.unlink if os.path.islink(path) else shutil.rmtree)(path)

        def kill(n, *_):
            if n == number and not killed:
                killed.append(n)
                mail.kill('acmed')
                mail.start('acmed')
                return 'cut'
            return None
        # the authority looked while nobody was there: that order is lost, and acmed
        # waits a minute, as it should; who is in a hurry says so

        def there():
            if not hurried and 'text="connection: ' in mail.log('acmed'):
                hurried.append(mail.ctl('cert', 'renew', '--force'))
            return self.served(mail) != old and self.issued(mail)
        proxy.begin()
        if number % 2:
            proxy.before = kill
        else:
            proxy.after = kill
        self.start_anew(mail)
        self.wait(there, mail=mail)
        self.assertLessEqual(proxy.paths.count('/order-plz'), 2 + len(hurried))
        self.assertLessEqual(mail.pebble.said(since).count('created account'), 1)
        mail.kill('acmed')
        return bool(killed)


if __name__ == '__main__':
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    harness.main(__name__)
