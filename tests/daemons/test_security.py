"""What is spoken on each port, who may log in where, and how guessing is slowed down."""
import base64
import contextlib
import imaplib
import json
import os
import shutil
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time
import unittest
from unittest import mock

import harness
from instance import DOMAIN, PASSWORD, PORTS, Instance

# Made by other systems, of PASSWORD.
HASHES = (
    '$y$j75$abcdefghijklmnop$YRluVPdsPULV2Yq/qFvUINBy9bKn19Eu9DTQTTnMGFB',
    '$2b$05$abcdefghijklmnopqrstuuBYe9o9CGi/BHa4OAlLpruMUDfwV3Rby',
    '$2y$05$abcdefghijklmnopqrstuuBYe9o9CGi/BHa4OAlLpruMUDfwV3Rby',
    '$6$rounds=5000$saltstring$ZuS0R86fLdc/rtQn2a5MLj73FKRnMB.JiZ'
    'ipT4m4iRr318b/PiVxAUxp8TcmxCdyvOuI2An0RX5PFlTQRyrAH/',
    '$7$9/..../....saltsalt$Y4FlhYUxNLD4wufd3KFijUJ2h3ES.GXqR3p5NkTklt2',
    '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQxNm9jdGV0cw$DhuLBQ'
    '/UYFzGAGcF4QJa+wxDV85mS546709ZSu+yNxg',
)


def offered(mail, port, *options):
    """Does openssl get a connection with these options?  What it says of it, or None."""
    starttls = ('-starttls', 'smtp') if port in ('smtp', 'submission') else ()
    done = subprocess.run(
        ('openssl', 's_client', '-connect', f'127.0.0.1:{mail.ports[port]}', *starttls, *options),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        universal_newlines=True, timeout=30, check=False)
    good = done.returncode == 0 and 'Cipher is (NONE)' not in done.stdout
    return done.stdout if good else None


class Policy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mail = Instance()
        cls.mail.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.mail.__exit__(None, None, None)

    def accepted(self, port, option, names, *more):
        return {n for n in names if offered(self.mail, port, option, n, *more)}

    def test_versions(self):
        for port in PORTS:
            with self.subTest(port):
                for old in ('-tls1', '-tls1_1'):
                    self.assertIsNone(
                        offered(self.mail, port, old, '-cipher', 'ALL:@SECLEVEL=0'))
                self.assertIn('TLSv1.2', offered(self.mail, port, '-tls1_2'))
                self.assertIn('TLSv1.3', offered(self.mail, port, '-tls1_3'))

    def test_suites(self):
        forward = {f'ECDHE-ECDSA-{c}' for c in
                   ('AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305')}
        others = {'ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES256-SHA384', 'AES128-GCM-SHA256',
                  'AES256-SHA', 'DHE-RSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-AES128-CCM',
                  'ECDHE-ECDSA-NULL-SHA', 'AECDH-AES128-SHA', 'ADH-AES128-GCM-SHA256',
                  'PSK-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-SHA256'}
        modern = {'TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384',
                  'TLS_CHACHA20_POLY1305_SHA256'}
        for port in ('smtp', 'imaps', 'pop3s'):
            with self.subTest(port):
                all12 = self.accepted(
                    port, '-cipher', [f'{c}:@SECLEVEL=0' for c in forward | others], '-tls1_2')
                self.assertEqual(forward, {c.split(':')[0] for c in all12})
                self.assertEqual(modern, self.accepted(
                    port, '-ciphersuites', modern | {'TLS_AES_128_CCM_SHA256',
                                                     'TLS_AES_128_CCM_8_SHA256'}, '-tls1_3'))

    def test_groups(self):
        self.assertEqual({'X25519', 'P-256', 'P-384'}, self.accepted(
            'imaps', '-groups', ('X25519', 'P-256', 'P-384', 'P-521', 'X448', 'ffdhe2048'),
            '-tls1_3'))

    def test_no_renegotiation(self):
        done = subprocess.run(
            ('openssl', 's_client', '-connect', f'127.0.0.1:{self.mail.ports["imaps"]}',
             '-tls1_2'), input='R\n', stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            universal_newlines=True, timeout=30, check=False)
        self.assertIn('RENEGOTIATING', done.stdout)
        self.assertIn('no renegotiation', done.stdout)

    def test_clear_text_ports_are_not_there(self):
        listening = subprocess.run(('ss', '-Hltn'), stdout=subprocess.PIPE,
                                   universal_newlines=True, check=False).stdout
        self.assertNotRegex(listening, r':(110|143)\s')

    # --- what is acmed's alone ----------------------------------------------------

    def serves(self, port, name):
        """Whether the certificate for a name is of the account's folder."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with contextlib.suppress(OSError):
            with socket.create_connection(('127.0.0.1', self.mail.ports[port]), 10) as plain:
                with context.wrap_socket(plain, server_hostname=name) as tls:
                    return self.leak == tls.getpeercert(True)
        return None

    def wait(self, what, seconds=30):
        until = time.monotonic() + seconds
        while not what():
            if time.monotonic() > until:
                self.fail('it did not come:\n' + ''.join(map(self.mail.log, self.mail.logs)))
            time.sleep(0.05)

    def test_account_folder(self):
        """Daemons that serve mail cannot read it, though they be root, and something
        leads them there; without the sandbox they could."""
        mail = self.mail
        if 'no Landlock' in mail.log('imapd'):
            self.skipTest('this kernel has no Landlock')
        folder = mail.state + '-acme/pair'
        os.makedirs(folder, exist_ok=True)
        chain, key = mail.ca.issue('leak', hosts=('leak.test',))
        shutil.copy(chain, folder + '/fullchain.pem')
        shutil.copy(key, folder + '/privkey.pem')
        with open(chain) as f:
            self.leak = ssl.PEM_cert_to_DER_cert(f.read())
        certs = mail.state + '/certs'
        os.symlink(folder, certs + '/leak@1')
        self.addCleanup(os.unlink, certs + '/leak@1')
        with open(certs + '/manifest') as f:
            old = f.read()

        def write(text):
            with open(certs + '/manifest.test', 'w') as f:
                f.write(text)
            os.rename(f.name, certs + '/manifest')
        self.addCleanup(write, old)
        write(old + 'leak 1 custom\n')
        for daemon, port in (('imapd', 'imaps'), ('pop3d', 'pop3s'), ('smtpd', 'submissions')):
            with self.subTest(daemon):
                self.wait(lambda d=daemon: 'Permission denied' in mail.log(d))
                self.assertIs(self.serves(port, 'leak.test'), False)
        mail.kill('imapd')
        with mock.patch.dict(os.environ, VX_SANDBOX='off'):
            mail.start('imapd')
        self.wait(lambda: self.serves('imaps', 'leak.test'))
        mail.kill('imapd')
        mail.start('imapd')
        mail.wait_ready()

    # --- who may log in where ---------------------------------------------------

    def test_no_authentication_in_clear(self):
        plain = base64.b64encode(f'\0alice@{DOMAIN}\0{PASSWORD}'.encode()).decode()
        for port in ('smtp', 'submission'):
            with self.subTest(port), smtplib.SMTP('localhost', self.mail.ports[port]) as c:
                code, text = c.docmd('AUTH', f'PLAIN {plain}')  # before any EHLO
                self.assertGreaterEqual(code, 500)
                c.ehlo()
                self.assertNotIn('auth', c.esmtp_features)
                self.assertIn('starttls', c.esmtp_features)
                for auth in (f'PLAIN {plain}', 'PLAIN', 'LOGIN', 'SCRAM-SHA-256'):
                    code, text = c.docmd('AUTH', auth)
                    self.assertIn(code, (502, 503, 504, 530, 538), text)
                if port == 'submission':
                    self.assertEqual(c.mail(f'alice@{DOMAIN}')[0], 530)
                    self.assertEqual(c.rcpt(f'alice@{DOMAIN}')[0] // 100, 5)

    def test_authentication_is_for_submission_only(self):
        context = self.mail.context()
        with self.mail.smtp() as c:
            c.starttls(context=context)
            c.ehlo()
            self.assertNotIn('auth', c.esmtp_features)
            self.assertGreaterEqual(c.docmd('AUTH', 'PLAIN AGEAYg==')[0], 500)
        with self.mail.submission(None) as c:
            c.ehlo()
            self.assertIn('SCRAM-SHA-256-PLUS', c.esmtp_features['auth'])
            self.assertNotIn('starttls', c.esmtp_features)
            self.assertEqual(c.mail(f'alice@{DOMAIN}')[0], 530)

    def test_plus_is_offered_with_a_channel_only(self):
        # RFC 9266: without the extended master secret TLS 1.2 has no such binding
        done = subprocess.run(
            ('openssl', 's_client', '-quiet', '-crlf', '-connect',
             f'127.0.0.1:{self.mail.ports["imaps"]}', '-tls1_2'),
            input='a CAPABILITY\nb LOGOUT\n', stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            universal_newlines=True, timeout=30, check=False)
        self.assertIn('AUTH=SCRAM-SHA-256-PLUS', done.stdout)

    def test_hashes_of_other_servers(self):
        for number, hash in enumerate(HASHES):
            name = f'import{number}'
            with self.subTest(hash[:10]):
                self.mail.ctl('mailbox', 'add', f'{name}@{DOMAIN}', '--hash-fd', '0',
                              input=hash + '\n')
                for _ in range(2):  # with that hash, then with ours
                    self.mail.imap(name).logout()
                with self.assertRaises(imaplib.IMAP4.error):
                    self.mail.imap(name, PASSWORD + 'x')
        for bad in ('', '$1$abcdefgh$irWbblnpmw.5z7wgBnprh0', '{SSHA}x', '$2b$31$' + 'a' * 53):
            with self.assertRaisesRegex(RuntimeError, 'failed with 2'):
                self.mail.ctl('mailbox', 'passwd', f'alice@{DOMAIN}', '--hash-fd', '0',
                              input=bad + '\n')


class Guessing(unittest.TestCase):
    """Wrong passwords are counted by all daemons together."""

    def imap(self, mail, source, password):
        with socket.create_connection(('127.0.0.1', mail.ports['imaps']), 10,
                                      source_address=(source, 0)) as s:
            with ssl._create_unverified_context().wrap_socket(s) as t:
                f = t.makefile('rwb')
                f.readline()
                f.write(f'a LOGIN bob@{DOMAIN} {password}\r\n'.encode())
                f.flush()
                return f.readline().decode()

    def pop3(self, mail, source, password):
        with socket.create_connection(('127.0.0.1', mail.ports['pop3s']), 10,
                                      source_address=(source, 0)) as s:
            with ssl._create_unverified_context().wrap_socket(s) as t:
                f = t.makefile('rwb')
                f.readline()
                f.write(f'USER bob@{DOMAIN}\r\n'.encode())
                f.flush()
                f.readline()
                f.write(f'PASS {password}\r\n'.encode())
                f.flush()
                return f.readline().decode()

    def test_all_daemons_count_together(self):
        with Instance() as mail:
            mail.imap('bob').logout()  # from 127.0.0.1
            for n in range(13):
                self.imap(mail, f'127.0.1.{n}', 'wrong')
            # the account is under attack: another address has to wait, on every port
            self.assertIn('wait', self.imap(mail, '127.0.2.1', PASSWORD))
            self.assertTrue(self.pop3(mail, '127.0.2.1', PASSWORD).startswith('-ERR'))
            # who logged in before is not locked out, on any port
            mail.imap('bob').logout()
            mail.pop3('bob').quit()
            mail.submission('bob').quit()
            # and after a while nobody is
            until = time.monotonic() + 30
            while 'wait' in self.imap(mail, '127.0.2.1', PASSWORD):
                self.assertLess(time.monotonic(), until)
                time.sleep(0.5)


class Old(unittest.TestCase):
    def test_obsolete_versions_need_a_key_and_are_warned_of(self):
        with Instance(daemons=('smtpd',), provider='self-signed\n  minimum: 1.0') as mail:
            warnings = json.loads(mail.ctl('config', 'validate', '--json'))['warnings']
            self.assertIn('TLS before 1.2 is broken', warnings[0])
            until = time.monotonic() + 10
            while 'obsolete TLS is allowed' not in mail.log('smtpd'):
                self.assertLess(time.monotonic(), until)
                time.sleep(0.1)
            for version in ('-tls1', '-tls1_1', '-tls1_2', '-tls1_3'):
                for port in ('smtp', 'submissions'):
                    self.assertIsNotNone(offered(mail, port, version, '-cipher',
                                                 'ALL:@SECLEVEL=0'), (version, port))

    def test_only_the_newest(self):
        with Instance(daemons=('imapd',), provider='self-signed\n  minimum: 1.3') as mail:
            self.assertIsNone(offered(mail, 'imaps', '-tls1_2'))
            self.assertIsNotNone(offered(mail, 'imaps', '-tls1_3'))
            self.assertNotIn('obsolete', mail.log('imapd'))


class Certificates(unittest.TestCase):
    """vectisctl cert import and status, and daemons without one (TLS-08, 09, 28)."""

    def test_import_and_status(self):
        with Instance(daemons=('imapd', 'pop3d', 'smtpd')) as mail:
            chain, key = mail.ca.issue('next')
            serial = subprocess.run(('openssl', 'x509', '-in', chain, '-noout', '-serial'),
                                    stdout=subprocess.PIPE, universal_newlines=True,
                                    check=True).stdout.strip().split('=')[1].lower()
            self.assertIn(serial, mail.ctl('cert', 'import', chain, key))
            until = time.monotonic() + 5
            while True:
                text = mail.ctl('cert', 'status')
                served = [line.split()[-1] for line in text.splitlines() if ' serves ' in line]
                if len(served) >= 3 and set(served) == {serial}:
                    break
                self.assertLess(time.monotonic(), until, text)
                time.sleep(0.1)
            self.assertIn('generation 2 (custom)', text)
            other, other_key = mail.ca.issue('other')
            for bad, why in (((chain, other_key), 'does not belong'),
                             ((key, key), 'no certificate in PEM'),
                             ((chain, chain), 'mode 0'),
                             (('/no/such.pem', key), '/no/such.pem')):
                with self.assertRaisesRegex(RuntimeError, why):
                    mail.ctl('cert', 'import', *bad)
            self.assertIn(serial, mail.ctl('cert', 'status'))

    def test_a_restart_while_the_manifest_is_damaged(self):
        with Instance(daemons=('imapd',)) as mail:
            manifest = os.path.join(mail.state, 'certs', 'manifest')
            with open(manifest) as f:
                good = f.read()
            with open(manifest, 'w') as f:
                f.write('mail 1')
            mail.kill('imapd')
            mail.start('imapd')
            mail.wait_ready()
            until = time.monotonic() + 10
            while 'damaged at line 1' not in mail.log('imapd'):
                self.assertLess(time.monotonic(), until)
                time.sleep(0.1)
            with self.assertRaises(ssl.SSLCertVerificationError):
                mail.imap(None)
            with self.assertRaisesRegex(RuntimeError, 'damaged at line 1'):
                mail.ctl('cert', 'status')
            with open(manifest + '.new', 'w') as f:
                f.write(good)
            os.replace(manifest + '.new', manifest)
            until = time.monotonic() + 5
            while True:
                try:
                    mail.imap('alice').logout()
                    break
                except ssl.SSLCertVerificationError:
                    self.assertLess(time.monotonic(), until)
                    time.sleep(0.1)


class Packages(unittest.TestCase):
    def test_purge(self):
        """The account goes with the package, the mail stays."""
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..',
                              'packaging', 'debian', 'vectis-acmed.postrm')
        with tempfile.TemporaryDirectory() as root:
            for name in ('vectis', 'vectis-acme'):
                os.makedirs(f'{root}/var/lib/{name}/x')
            for word, left in (('remove', ['vectis', 'vectis-acme']), ('upgrade', [
                    'vectis', 'vectis-acme']), ('purge', ['vectis'])):
                subprocess.run(['sh', script, word], check=True,
                               env=dict(os.environ, DPKG_ROOT=root))
                self.assertEqual(sorted(os.listdir(root + '/var/lib')), left)


if __name__ == '__main__':
    harness.main('__main__')
